"""The class in which a visitor takes part, or which a teacher conducts.

session     the visitor's class in this browser, and what it allows
line        the line in the header of every page: class, name, call for help; or, for a teacher, the conductor's buttons
cover       what stands in place of a page: joining, eyes up, a closed page, a question
follow      going where the teacher goes
question    answering a question, and its results, on a student's page
asking      the teacher's side of a question
ask_button  a ready question, asked from the page that it is about
sketch      the chart on which a curve is sketched (a component)
results     the class's answers beside the truth
tiles       the class, live (a component)
star        the run on the projector
invite      the class's address and its QR code
conductor   what the class may open and change
entrance    the Class page before a class is open
frame       puts all of it around a page
places      pages, tabs and controls that can be closed or locked
locks       enforces the locks
members     names of the members, and the class's end
"""
