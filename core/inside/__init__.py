"""Looking inside an LSTM that memorises: its gates, what it expects, what it looks back at, how it goes on."""
