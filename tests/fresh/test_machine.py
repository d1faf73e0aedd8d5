"""What a root takes over from this machine: pip's settings, the network, and the script that enters it."""

import subprocess
from pathlib import Path

from amos_tools.fresh.machine import Bind, apt_conf, enter_script, settings

WEAK = "[global]\nindex-url = https://weak.example/simple\ntimeout = 60\n"
STRONG = """
[global]
index-url = https://strong.example/simple
extra-index-url = file:///srv/index/simple
    https://second.example/simple
cert = /etc/ssl/own.pem
cache-dir = /home/me/.cache/pip
[install]
constraint = /etc/pip/constraints.txt
"""


def test_the_stronger_file_wins_and_both_count() -> None:
    conf = settings([WEAK, STRONG], {}).pip_conf
    assert "weak.example" not in conf
    assert "[global]\nindex-url = https://strong.example/simple\ntimeout = 60\n" in conf
    assert "[install]\nconstraint = /etc/pip/constraints.txt\n" in conf
    assert "cache-dir" not in conf  # of a user who is not the root's
    assert settings([conf], {}).pip_conf == conf


def test_paths_that_settings_name_are_seen_too_an_index_with_the_files_beside_it() -> None:
    found = settings([STRONG], {"SSL_CERT_FILE": "/etc/ssl/all.pem", "PIP_FIND_LINKS": "https://x.example /opt/wheels"})
    expected = ("/etc/pip/constraints.txt", "/etc/ssl/all.pem", "/etc/ssl/own.pem", "/opt/wheels", "/srv/index")
    assert found.paths == expected


def test_of_the_environment_only_what_leads_to_the_network() -> None:
    kept = {"https_proxy": "http://p:3", "PIP_TIMEOUT": "9", "NODE_EXTRA_CA_CERTS": "/c", "REQUESTS_CA_BUNDLE": "/b"}
    dropped = {"PATH": "/bin", "PYTHONPATH": "/x", "PIP_CACHE_DIR": "/me", "PIP_CONFIG_FILE": "/me", "AMOS_KEY": "s"}
    assert settings([], kept | dropped).environment == kept


def test_apt_reaches_the_archive_as_it_does_here() -> None:
    dump = (
        'APT::Architecture "amd64";\nAcquire::http::Proxy "http://p:3";\nAcquire::Check-Date "false";\n'
        'Acquire::Languages "none";\nDPkg::Post-Invoke:: "rm -f /x";\n'
    )
    assert apt_conf(dump) == 'Acquire::http::Proxy "http://p:3";\nAcquire::Check-Date "false";\n'


def test_the_script_is_a_shells_and_quotes_what_it_is_given(tmp_path: Path) -> None:
    root = tmp_path / "a root's"
    script = enter_script(
        str(root), [Bind("/etc/a b", "/x y"), Bind("/var/c", "/z", writable=True)], 7, "echo 'hello there'"
    )
    subprocess.run(["sh", "-n", "-c", script], check=True)
    assert "mount --bind '/x y' 'etc/a b'" in script and "remount,bind,ro 'etc/a b'" in script
    assert "mount --bind /z var/c" in script and "remount,bind,ro var/c" not in script
    assert script.endswith("""exec chroot --userspec=7:7 . sh -c 'echo '"'"'hello there'"'"''""")
