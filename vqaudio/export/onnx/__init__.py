"""A codec as two ONNX graphs, encoder and decoder, for programs without torch."""
