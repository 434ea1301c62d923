"""What the pages share, and the parts of each page in a folder of its name.

Importing this package imports all of core. app.py and every page import it before anything else of the project,
because Streamlit runs them in one thread per browser, and the first visitor of a page may reach its file without
app.py: two threads that import the same modules in different orders can each hold what the other waits for.
"""

import core.autograd
import core.classify
import core.classroom
import core.lessons
import core.memorize
import core.plane
import core.runs  # noqa: F401
