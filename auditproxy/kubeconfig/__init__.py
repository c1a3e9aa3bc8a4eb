"""Where the upstream is and who we are to it: kubeconfigs, credentials, their TLS settings."""
