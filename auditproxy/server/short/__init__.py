"""The short way: requests of which all is known before they are sent, past the chain's task."""
