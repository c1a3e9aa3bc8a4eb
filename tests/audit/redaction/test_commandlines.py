"""audit/redaction/commandlines.py: the forms in which secrets are typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.audit.redaction.commandlines import line_redactor
from auditproxy.audit.redaction.decoding import builtin_redactor

REDACTOR = builtin_redactor(b"k" * 16)
redact = line_redactor(REDACTOR)


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("mysql --password=hunter2 db", "hunter2"),
        ("mysql --password hunter2 db", "hunter2"),
        ("export PGPASSWORD=hunter2; psql", "hunter2;"),
        ("DB_PASSWORD='hunter 2' run", "hunter 2"),
        ('vault login -token="hunter2"', "hunter2"),
        ("aws configure set aws_secret_key=hunter2", "hunter2"),
        ('curl -H "Authorization: Bearer abcdefgh12345" https://x', "abcdefgh12345"),
        ("curl -H 'X-Vault-Token: hunter2' https://x", "hunter2"),
        ("curl https://alice:hunter2@host/path", "hunter2"),
        (
            "kubectl --token eyJhbGciOi.eyJzdWIiOiJ4In0.c2ln get pods",
            "eyJhbGciOi.eyJzdWIiOiJ4In0.c2ln",
        ),
        ("echo eyJhbGciOiJS.eyJzdWIiOiJ4In0.c2ln", "eyJhbGciOiJS.eyJzdWIiOiJ4In0.c2ln"),
        ("curl 'https://x/?access_token=hunter2'", "hunter2"),
        ("login --api-key hunter2", "hunter2"),
        ("API_KEY=hunter2 login", "hunter2"),
        ("curl -u admin:hunter2 https://x", "hunter2"),
        ("curl --user=admin:hunter2 https://x", "hunter2"),
        ("mysql -uroot -phunter2 db", "hunter2"),
        ("mysqldump -phunter2 db > x", "hunter2"),
        ("mysql -p'hunter2' db", "hunter2"),
        ("mariadb -phunter2", "hunter2"),
        ("export AWS_SECRET_ACCESS_KEY=hunter2", "hunter2"),
        ("aws configure set aws_secret_access_key hunter2", "hunter2"),
        ("PRIVATE_KEY=hunter2 x", "hunter2"),
        ("DB_PASS=hunter2 run", "hunter2"),
        ("kubectl create secret generic a --from-literal=pw=hunter2", "hunter2"),
        ("""echo '{"password": "hunter 2"}'""", "hunter 2"),
        ("""echo "password: hunter2" """, "hunter2"),
        ("curl -u bob:'hunter2' x", "hunter2"),
        ("curl -u 'bob:hunter 2' x", "hunter 2"),
        ("curl https://bob:p@ss@host/", "p@ss"),
        ("curl -H 'Authorization: token hunter2hunter2'", "hunter2hunter2"),
        ("git clone https://ghp_abcdefghij@host/x", "ghp_abcdefghij"),
        ("sshpass -p hunter2 ssh h", "hunter2"),
        ("redis-cli -h x -a hunter2", "hunter2"),
        ("docker login -u u -p hunter2 r", "hunter2"),
        ("htpasswd -bc f u hunter2", "hunter2"),
        ("vault login hunter2", "hunter2"),
        ("openssl x -passin pass:hunter2", "hunter2"),
    ],
)
def test_secrets_are_marked(line: str, secret: str) -> None:
    """The secret alone, by the marker that it has in bodies: it can be compared."""
    marker = REDACTOR.marker(secret.encode())
    assert redact(line) == line.replace(secret, marker)


@pytest.mark.parametrize(
    ("word", "secret"),
    [
        ("""'a'"'"'rest'""", "a'rest"),
        (r'''"a\"rest"''', 'a"rest'),
        (r"a\ rest", "a rest"),
        ("a'rest'", "arest"),
        ("$'rest'", "rest"),
        ("'rest", "rest"),
    ],
)
def test_words_of_a_shell(word: str, secret: str) -> None:
    """All of a word is the value, whatever is quoted in it; nothing of it stays."""
    marker = REDACTOR.marker(secret.encode())
    found = redact(f"x --password={word}")
    assert marker in found
    assert "rest" not in found


@pytest.mark.parametrize(
    "line",
    [
        "bypass=1 compass=2",
        "echo 'password:'",
        "mysql -p -h x",
        "openssl x509 -in token.pem",
        "ls -l /etc/passwd",
        "cat token.txt",
        "passwd",
        'read -s -p "Password: " X',
        "mysql -p db",
        "ls -u a b",
        "kubectl get secret",
        "mysql --password",
        "mysql --password -h host",
        "git commit -m 'reset token handling'",
    ],
)
def test_others_stay(line: str) -> None:
    """Names alone are no secrets."""
    assert redact(line) == line


def test_off() -> None:
    """--audit-redact=none."""
    assert line_redactor(None)("mysql --password=hunter2") == "mysql --password=hunter2"


@given(st.text(max_size=4096))
def test_any_line(line: str) -> None:
    """Nothing raises; a second time changes nothing that has no secret."""
    assert isinstance(redact(line), str)


def test_a_long_line_costs_little() -> None:
    """What looks like the beginning of many names."""
    for line in ("a-" * 2048, "--" * 2048, "token" * 800, "://" + "a" * 4096, "eyJ" + "a" * 4096):
        assert len(redact(line)) == len(line)
