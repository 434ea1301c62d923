"""Autograd: a small torch-like engine on NumPy arrays, and what opens it.

tensor             Tensor: an array that remembers how it was made
functional         the operations, each with its derivative
nn                 Module, Linear, ReLU, CrossEntropyLoss, ...
optim              SGD, Adam and learning-rate schedules
gradcheck          gradients from finite differences and from PyTorch, to compare with
expression         formulas that were typed, read safely into a graph
steps              forward and backward pass, one operation at a time
examples           models small enough to write every number down
exercises          gradients to work out
faults/            the Break-it lab: faulty copies of correct functions
"""
