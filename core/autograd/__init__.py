"""Autograd: a small torch-like engine on NumPy arrays, and what the Autograd page shows of it.

The engine, from the bottom up:
    tensor          Tensor: an array that remembers how it was made; backward()
    functional      the operations, each with its backward rule
    nn              Module, Linear, ReLU, Dropout, CrossEntropyLoss, ...
    optim           SGD, Adam and learning-rate schedules

To look inside it:
    expression      a safe parser that turns a typed formula into a graph of Tensors
    steps           forward and backward pass, one operation at a time
    gradcheck       gradients by finite differences and by PyTorch, for comparison
    examples        models so small that every number can be shown
    exercises       backward rules to work out, and how answers are graded
    faults/         the Break-it lab: faulty copies of correct functions
"""
