"""The page Lessons.

plan        a lesson as a teacher reads it: parts, links, questions
overview    a lesson as a student sees it: goals, links and the worksheet
class_links the lesson links of a class, which members open by their names
"""
