"""What nginx and HAProxy are configured with: the same TLS on both sides, and no audit.

Both keep their connections to the upstream, present the proxy's certificate there and verify the
upstream's, and ask clients for a certificate. Each has one process and one thread, as we do.
"""

from tests.bench.settings import Files


def nginx(files: Files, port: int, upstream: int) -> str:
    """nginx as a proxy."""
    path = files.path
    return f"""\
daemon off;
master_process off;
pid {path("nginx.pid")};
error_log {path("nginx.log")} error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {path("nginx-body")};
  proxy_temp_path {path("nginx-proxy")};
  fastcgi_temp_path {path("nginx-fastcgi")};
  uwsgi_temp_path {path("nginx-uwsgi")};
  scgi_temp_path {path("nginx-scgi")};
  keepalive_requests 100000000;
  upstream kubernetes {{
    server 127.0.0.1:{upstream};
    keepalive 1024;
    keepalive_requests 100000000;
  }}
  server {{
    listen 127.0.0.1:{port} ssl backlog=4096;
    ssl_protocols TLSv1.3;
    ssl_certificate {path("proxy.crt")};
    ssl_certificate_key {path("proxy.key")};
    ssl_client_certificate {path("clients.crt")};
    ssl_verify_client optional;
    client_max_body_size 0;
    location / {{
      proxy_pass https://kubernetes;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 3600s;
      proxy_ssl_protocols TLSv1.3;
      proxy_ssl_certificate {path("credential.crt")};
      proxy_ssl_certificate_key {path("credential.key")};
      proxy_ssl_trusted_certificate {path("cluster.crt")};
      proxy_ssl_verify on;
      proxy_ssl_name localhost;
    }}
  }}
}}
"""


def haproxy(files: Files, port: int, upstream: int) -> str:
    """HAProxy as a proxy."""
    path = files.path
    return f"""\
global
  nbthread 1
  maxconn 8192
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
defaults
  mode http
  http-reuse always
  timeout connect 10s
  timeout client 3600s
  timeout server 3600s
frontend clients
  bind 127.0.0.1:{port} backlog 4096 ssl crt {path("proxy.pem")} ca-file {path("clients.crt")} verify optional alpn http/1.1
  default_backend kubernetes
backend kubernetes
  server one 127.0.0.1:{upstream} ssl crt {path("credential.pem")} ca-file {path("cluster.crt")} verify required sni str(localhost) verifyhost localhost alpn http/1.1
"""
