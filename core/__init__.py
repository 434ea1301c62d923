"""The models and their training, without the dashboard: no module here imports Streamlit or Altair.

autograd/      a NumPy autograd engine, its layers and optimisers, and exercises on it
memorize/      an LSTM in PyTorch that memorises a sentence
classify/      a multilayer perceptron on the autograd engine that classifies images
runs/          storing runs and training them in worker processes

training       what both training loops share: live changes, checkpoints, divergence
replay         the state of a run after any of its steps, recomputed
terminal/      training from a terminal: `python -m core --help`
notebook       Jupyter notebooks from text and code
source         the source of running objects
text, paths, jit
"""
