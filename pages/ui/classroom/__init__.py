"""The class in which a visitor takes part, or which a teacher conducts.

session     the visitor's class in this browser, and what it allows
line        the line in the header of every page: class, name, call for help; or, for a teacher, the conductor's buttons
cover       what stands in place of a page: joining, eyes up, a closed page, a question
follow      going where the teacher goes
question    asking, answering and revealing
sketch      the chart on which a curve is sketched (a component)
results     the class's answers beside the truth
tiles       the class, live (a component)
star        the run on the projector
invite      the class's address and its QR code
conductor   what the class may open and change
members     names of the members, and the class's end
"""
