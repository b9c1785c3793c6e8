"""What holds of the Debian package under a systemd that is real: installed, configured with its socket unit, upgraded
under load, and purged. Runs inside of `boot`; arguments: the package, and the same under two higher versions."""

import pathlib
import shutil
import socket
import sys
import time

from load import HOST, PORT, Load, call, h2_client
from stage import (CONFIG, DROP_INS, GOOD, App, TcpServer, app, await_another, await_that, certificates, main_pid, run,
                   shown, systemctl)

FIRST, SECOND, THIRD = sys.argv[1:4]
DOCUMENTATION = pathlib.Path("/usr/share/doc/mtls-gateway")
UNITS = pathlib.Path("/usr/lib/systemd/system")


def it_is_installed_and_nothing_starts():
    run("dpkg", "--install", FIRST)
    assert shown("ActiveState") == "inactive" and shown("ActiveState", "mtls-gateway.socket") == "inactive"
    assert shown("UnitFileState") == "disabled", shown("UnitFileState")
    run("id", "mtls-gateway")
    run("systemd-analyze", "verify", "--man=no", UNITS / "mtls-gateway.service", UNITS / "mtls-gateway.socket")


def it_serves_by_its_socket_unit():
    CONFIG.unlink()
    certificates()
    DROP_INS.mkdir()
    # The package of a machine that leaves documentation out has no drop-in to copy.
    drop_in = DOCUMENTATION / "systemd" / "socket-activated.conf"
    shutil.copy(drop_in if drop_in.exists() else sys.argv[4], DROP_INS / "socket-activated.conf")
    systemctl("daemon-reload")
    systemctl("enable", "--now", "mtls-gateway.socket")
    systemctl("enable", "mtls-gateway.service")
    call()


def an_upgrade_hands_over(package, what):
    pid = main_pid()
    with Load(pause=3.0) as load:
        began = time.monotonic()
        run("dpkg", "--force-confold", "--install", package)
        print(f"dpkg took {time.monotonic() - began:.2f} s", flush=True)
        await_another(pid)
        await_that("the old one ends", lambda: not pathlib.Path(f"/proc/{pid}").exists(), 20)
    load.report(what)
    assert shown("NRestarts") == "0" and "serving 1 site" in shown("StatusText")
    assert CONFIG.read_text() == GOOD


def by_its_socket_unit():
    an_upgrade_hands_over(SECOND, "package upgrade, socket unit")


def a_version_that_cannot_serve_changes_nothing():
    pid = main_pid()
    with Load() as load:
        CONFIG.write_text(GOOD.replace("client-ca.crt", "none.crt"))
        said = run("dpkg", "--force-confold", "--install", THIRD)
        assert "the old one goes on" in said, said
        assert main_pid() == pid and shown("ActiveState") == "active"
        CONFIG.write_text(GOOD)
    load.report("package upgrade, wrong configuration")


def without_it():
    systemctl("disable", "--now", "mtls-gateway.service", "mtls-gateway.socket")
    (DROP_INS / "socket-activated.conf").unlink()
    systemctl("daemon-reload")
    systemctl("enable", "--now", "mtls-gateway.service")
    an_upgrade_hands_over(SECOND, "package downgrade, no socket unit")
    an_upgrade_hands_over(THIRD, "package upgrade, no socket unit")


def a_purge_leaves_nothing_that_runs():
    systemctl("enable", "mtls-gateway.socket")
    run("dpkg", "--remove", "mtls-gateway")
    assert CONFIG.exists()
    run("dpkg", "--purge", "mtls-gateway")
    for unit in ("mtls-gateway.service", "mtls-gateway.socket"):
        assert shown("ActiveState", unit) == "inactive", unit
        # A drop-in of the administrator's stays, and with it a name without a unit.
        assert shown("LoadState", unit) in ("not-found", "bad-setting"), shown("LoadState", unit)
    assert "mtls-gateway" not in systemctl("list-sockets", "--all")
    left = [str(one) for one in pathlib.Path("/etc/systemd/system").rglob("mtls-gateway*") if one != DROP_INS]
    assert not left, left
    assert not CONFIG.exists() and not pathlib.Path("/usr/bin/mtls-gateway").exists()
    await_that("nothing of it runs", lambda: "mtls-gateway" not in run("ps", "-eo", "comm"))
    with socket.socket() as nobody:
        assert nobody.connect_ex((HOST, PORT)) != 0


def main():
    if not h2_client:
        print("!! SKIPPED, no load over HTTP/2: Python's h2 is not installed", flush=True)
    # In an image for containers it forbids packages to touch services; here is a systemd.
    pathlib.Path("/usr/sbin/policy-rc.d").unlink(missing_ok=True)
    app(TcpServer(("127.0.0.1", 8080), App))
    steps = [
        it_is_installed_and_nothing_starts, it_serves_by_its_socket_unit, by_its_socket_unit,
        a_version_that_cannot_serve_changes_nothing, without_it, a_purge_leaves_nothing_that_runs,
    ]
    for step in steps:
        began = time.monotonic()
        step()
        print(f"ok {step.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    print("all is well", flush=True)


main()
