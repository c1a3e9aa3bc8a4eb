"""What is recorded of a request: context, objects, annotations, encoding. PURE; writes nowhere."""
