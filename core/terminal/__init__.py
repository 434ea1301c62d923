"""Training from a terminal. Each command is a module with `add_arguments(parser)` and `run(options)`.

memorize, classify, datasets  the commands; core.__main__ imports only the one that is used
points    classify with points in a plane instead of images
options   options from the fields of a config
output    time, numbers and curves as text
"""
