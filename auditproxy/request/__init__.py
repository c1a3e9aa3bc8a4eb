"""What is asked: target, RequestInfo, attributes, headers, source addresses (floor 3, pure)."""
