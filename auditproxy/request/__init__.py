"""What is asked: target, RequestInfo, attributes, header lists, source addresses (floor 3, pure)."""
