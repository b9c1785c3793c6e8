"""What holds of the gateway as a service, asked of the shipped units under a systemd that is real. Runs inside of
`boot`; argument: the folder with the units."""

import ctypes
import os
import pathlib
import re
import shutil
import signal
import sys
import threading
import time

from load import Load, call, h2_client
from stage import (CONFIG, DROP_INS, GOOD, SYSTEM, App, TcpServer, UnixServer, app, await_another, await_that,
                   certificates, main_pid, run, shown, systemctl)

UNITS = pathlib.Path(sys.argv[1])


# ---------------------------------------------------------------- with the socket unit


def the_first_connection_starts_it():
    assert shown("ActiveState") == "inactive"
    began = time.monotonic()
    call()
    print(f"first connection answered after {time.monotonic() - began:.2f} s", flush=True)
    status = shown("StatusText")
    assert re.fullmatch(r"serving 1 site on 0\.0\.0\.0:443; generation 1 serves since \d\d:\d\dZ", status), status
    process = pathlib.Path(f"/proc/{main_pid()}/status").read_text()
    assert re.search(r"^CapEff:\t0+$", process, re.M), process
    assert re.search(r"^Seccomp:\t2$", process, re.M), process
    # What may be looked into belongs to its user; what may not, to root.
    assert re.search(r"^Uid:\t[1-9]", process, re.M) and os.stat(f"/proc/{main_pid()}/mem").st_uid == 0, process
    log = run("journalctl", "-u", "mtls-gateway", "-o", "cat")
    if "sandbox: files are out of reach" in log:
        CONFIG.write_text(GOOD.replace("client-ca.crt", "/opt/client-ca.crt"))
        shutil.copy(f"{PLACE}/client-ca.crt", "/opt/client-ca.crt")
        said = systemctl_says_of_a_reload()
        assert "outside of the sandbox" in said, said
        CONFIG.write_text(GOOD)
    else:
        print(f"!! SKIPPED, no sandbox: {[line for line in log.splitlines() if 'sandbox' in line]}", flush=True)


def systemctl_says_of_a_reload():
    systemctl("reload", "mtls-gateway", fails=True)
    return run("journalctl", "-u", "mtls-gateway", "-o", "cat")


def a_key_that_is_a_credential_is_served_and_changes_by_a_restart():
    drop_in = DROP_INS / "credential.conf"
    shutil.copy(f"{PLACE}/server.key", "/root/tls.key")
    drop_in.write_text("[Service]\nLoadCredential=tls.key:/root/tls.key\nLoadCredential=tls.pass:/root/tls.pass\n")
    key = 'private_key = "${CREDENTIALS_DIRECTORY}/tls.key"'
    passphrase = '\nprivate_key_passphrase_file = "${CREDENTIALS_DIRECTORY}/tls.pass"'
    pathlib.Path("/root/tls.pass").write_text("correct horse\n")
    CONFIG.write_text(GOOD.replace('private_key = "server.key"', key))
    systemctl("daemon-reload")
    systemctl("restart", "mtls-gateway")
    call()
    said = run("mtls-gateway", "reload", "--config", CONFIG)
    assert "is a credential, and is as it was at the start" in said, said
    a_hand_over_loses_nothing(1)
    run("openssl", "pkcs8", "-topk8", "-v2", "aes256", "-in", f"{PLACE}/server.key", "-out", "/root/tls.key",
        "-passout", "file:/root/tls.pass")
    CONFIG.write_text(GOOD.replace('private_key = "server.key"', key + passphrase))
    # The key of before, which is not encrypted.
    assert "is not needed" in run("mtls-gateway", "reload", "--config", CONFIG)
    systemctl("restart", "mtls-gateway")
    assert "is not needed" not in run("mtls-gateway", "reload", "--config", CONFIG)
    call()
    drop_in.unlink()
    CONFIG.write_text(GOOD)
    systemctl("daemon-reload")
    systemctl("restart", "mtls-gateway")


def a_reload_says_what_came_of_it():
    CONFIG.write_text(GOOD.replace('"6s"', '"7s"'))
    systemctl("reload", "mtls-gateway")
    assert "generation 2 serves since" in shown("StatusText")
    CONFIG.write_text(GOOD.replace("client-ca.crt", "none.crt"))
    pid = main_pid()
    systemctl("reload", "mtls-gateway", fails=True)
    status = shown("StatusText")
    assert status.startswith(f"last reload failed: {CONFIG}:8:") and "generation 2 serves" in status, status
    assert shown("ActiveState") == "active" and main_pid() == pid
    call()
    CONFIG.write_text(GOOD)
    systemctl("reload", "mtls-gateway")


def a_kill_loses_no_new_connection():
    pid = main_pid()
    # What the killed process had in its hands is lost, whoever it is: no connection lasts here.
    with Load(lasting=0, multiplexing=0) as load:
        os.kill(pid, signal.SIGKILL)
        await_another(pid)
    refused = [one for one in load.failed if "refused" in one]
    in_hand = [one for one in load.failed if one not in refused]
    print(f"kill -9: {load.sent} sent, {len(refused)} refused, {len(in_hand)} cut, longest {load.longest:.2f} s")
    assert not refused and len(in_hand) <= 4, load.failed


def a_restart_loses_nothing():
    pid = main_pid()
    with Load() as load:
        systemctl("restart", "mtls-gateway")
        await_another(pid)
    load.report("restart")


def a_hand_over_loses_nothing(rounds=2):
    # Pauses longer than the second that a connection without a successor is given.
    with Load(fresh=3, lasting=8, pause=3.0) as load:
        for _ in range(rounds):
            pid = main_pid()
            began = time.monotonic()
            run("mtls-gateway", "upgrade", "--config", CONFIG)
            await_another(pid)
            print(f"hand-over took {time.monotonic() - began:.2f} s", flush=True)
            await_that("the old one ends", lambda: not pathlib.Path(f"/proc/{pid}").exists(), 20)
            assert shown("ActiveState") == "active"
    load.report(f"hand-over, {rounds} times")
    assert "serving 1 site" in shown("StatusText")


def an_upgrade_to_what_cannot_serve_changes_nothing():
    pid = main_pid()
    program = pathlib.Path("/usr/local/bin/mtls-gateway")
    kept = program.with_name("kept")
    with Load() as load:
        CONFIG.write_text(GOOD.replace("client-ca.crt", "none.crt"))
        said = run("mtls-gateway", "upgrade", "--socket", "/run/mtls-gateway/control.sock", fails=True)
        assert "none.crt" in said and "goes on serving" in said, said
        CONFIG.write_text(GOOD)
        program.rename(kept)
        shutil.copy("/bin/false", program)
        said = run(kept, "upgrade", "--config", CONFIG, fails=True)
        assert "exit status: 1" in said, said
        kept.rename(program)
    assert main_pid() == pid and shown("ActiveState") == "active"
    load.report("upgrades that fail")


def stop_one_thread(pid, name):
    """Has one thread of a process hang, for as long as nobody lets it go: until the process ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    thread = next(int(one.name) for one in tasks if (one / "comm").read_text().strip() == name)
    seize, interrupt = 0x4206, 0x4207
    for request in (seize, interrupt):
        # A thread is waited for by the thread that stopped it: this one.
        if libc.ptrace(request, thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")
    os.waitpid(thread, 0x40000000)
    return thread


def a_worker_that_hangs_is_ended_and_all_recovers():
    DROP_INS.mkdir(exist_ok=True)
    quick = DROP_INS / "quick-watchdog.conf"
    quick.write_text("[Service]\nWatchdogSec=2s\n")
    systemctl("daemon-reload")
    systemctl("restart", "mtls-gateway")
    pid, restarts = main_pid(), int(shown("NRestarts"))
    # It is fed: no restart while all is well.
    time.sleep(3)
    assert main_pid() == pid
    workers = [one for one in pathlib.Path(f"/proc/{pid}/task").iterdir()
               if (one / "comm").read_text().startswith("worker-")]
    if not workers:
        print("one worker only: the whole process is stopped in its place", flush=True)
        os.kill(pid, signal.SIGSTOP)
    else:
        thread = stop_one_thread(pid, "worker-1")
        await_that("its thread has gone", lambda: gone(thread), 20)
    await_another(pid)
    assert int(shown("NRestarts")) == restarts + 1
    assert "Watchdog timeout" in run("journalctl", "-u", "mtls-gateway", "-o", "cat")
    call()
    quick.unlink()
    systemctl("daemon-reload")
    systemctl("restart", "mtls-gateway")


def gone(thread):
    try:
        return os.waitpid(thread, os.WNOHANG | 0x40000000)[0] == thread
    except ChildProcessError:
        return True


def a_crash_loop_leaves_the_socket_up():
    CONFIG.write_text("nonsense\n")
    os.kill(main_pid(), signal.SIGKILL)
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(call(patience=40).status))
    waiting.start()
    await_that("it has been tried often", lambda: int(shown("NRestarts")) >= 6, 30)
    assert shown("ActiveState", "mtls-gateway.socket") == "active"
    assert waiting.is_alive() and not answers
    CONFIG.write_text(GOOD)
    waiting.join(30)
    assert answers == [200], answers


def an_app_on_a_unix_socket_needs_no_network():
    os.makedirs("/run/app")
    app(UnixServer("/run/app/app.sock", App))
    os.chmod("/run/app/app.sock", 0o666)
    shutil.copy(UNITS / "unix-upstream.conf", DROP_INS / "unix-upstream.conf")
    CONFIG.write_text(GOOD.replace("http://127.0.0.1:8080", "unix:/run/app/app.sock"))
    systemctl("daemon-reload")
    systemctl("restart", "mtls-gateway")
    call()
    a_hand_over_loses_nothing(1)
    (DROP_INS / "unix-upstream.conf").unlink()
    CONFIG.write_text(GOOD)


def several_sockets_are_taken_and_one_that_nobody_wants_is_told():
    systemctl("stop", "mtls-gateway.service", "mtls-gateway.socket")
    more = SYSTEM / "mtls-gateway.socket.d" / "more.conf"
    more.parent.mkdir()
    more.write_text("[Socket]\nListenStream=\nListenStream=0.0.0.0:443\nListenStream=0.0.0.0:443\n"
                    "ListenStream=0.0.0.0:445\nReusePort=yes\n")
    systemctl("daemon-reload")
    systemctl("start", "mtls-gateway.socket")
    a_restart_loses_nothing()
    a_hand_over_loses_nothing(1)
    assert "handed over that no" in run("journalctl", "-u", "mtls-gateway", "-o", "cat")
    both = GOOD.replace("[[site]]", '[[listener]]\naddress = "0.0.0.0:445"\n\n[[site]]')
    for config, addresses in [(both, "0.0.0.0:443, 0.0.0.0:445;"), (GOOD, "0.0.0.0:443;")] * 2:
        CONFIG.write_text(config)
        # Ports that the service could not open itself: it has no privilege.
        systemctl("reload", "mtls-gateway")
        assert addresses in shown("StatusText"), shown("StatusText")
    more.unlink()
    CONFIG.write_text(GOOD.replace("0.0.0.0:443", "127.0.0.1:443"))
    systemctl("stop", "mtls-gateway.service", "mtls-gateway.socket")
    systemctl("daemon-reload")
    systemctl("start", "mtls-gateway.socket")
    systemctl("start", "mtls-gateway", fails=True)
    said = run("journalctl", "-u", "mtls-gateway", "-o", "cat")
    assert "systemd hands over 0.0.0.0:443: write `ListenStream=127.0.0.1:443`" in said
    CONFIG.write_text(GOOD)


# ---------------------------------------------------------------- without it


def without_a_socket_unit_systemd_keeps_the_listener():
    systemctl("stop", "mtls-gateway.service", "mtls-gateway.socket")
    (DROP_INS / "socket-activated.conf").unlink()
    (SYSTEM / "mtls-gateway.socket").unlink()
    systemctl("daemon-reload")
    CONFIG.write_text("nonsense\n")
    systemctl("start", "mtls-gateway", fails=True)
    CONFIG.write_text(GOOD)
    systemctl("reset-failed", "mtls-gateway")
    systemctl("start", "mtls-gateway")
    call()
    assert shown("NFileDescriptorStore") == "1"
    second = GOOD.replace("[[site]]", '[[listener]]\naddress = "0.0.0.0:444"\n\n[[site]]')
    CONFIG.write_text(second)
    systemctl("reload", "mtls-gateway")
    await_that("the second one is kept", lambda: shown("NFileDescriptorStore") == "2")
    CONFIG.write_text(GOOD)
    systemctl("reload", "mtls-gateway")
    await_that("and is let go", lambda: shown("NFileDescriptorStore") == "1")


def a_full_disk_takes_no_call():
    """The log, the control socket and the configuration on a disk without a byte and without a file left."""
    small = pathlib.Path("/run/small")
    small.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=512k,nr_inodes=12,mode=777", "tmpfs", small)
    log, config = small / "log", small / "gateway.toml"
    drop_in = DROP_INS / "small.conf"
    drop_in.write_text(f"[Service]\nReadWritePaths={small}\nStandardError=append:{log}\n")
    whole = GOOD.replace('target = "off"', 'target = "stderr"')
    whole = whole.replace("[runtime]", f'[runtime]\ncontrol_socket = "{small}/control.sock"')
    config.write_text(whole)
    CONFIG.unlink()
    CONFIG.symlink_to(config)
    systemctl("daemon-reload")
    systemctl("restart", "mtls-gateway")
    call()
    pid = main_pid()
    with Load() as load:
        fill(small)
        # An editor that truncates, and then finds no room.
        try:
            config.write_text("# longer\n" * 5000 + whole)
        except OSError:
            pass
        said = run("mtls-gateway", "reload", "--socket", small / "control.sock", fails=True)
        assert "not reloaded" in said, said
        time.sleep(1)
        assert main_pid() == pid
    load.report("a full disk under log and configuration")
    for filler in small.glob("filler*"):
        filler.unlink()
    config.write_text(whole)
    run("mtls-gateway", "reload", "--socket", small / "control.sock")
    call()
    await_that("it says what was lost", lambda: call() and "lines of the log were lost" in log.read_text())
    with Load() as load:
        fill(small)
        systemctl("restart", "mtls-gateway")
    load.report("a restart with a full disk")
    said = run("mtls-gateway", "reload", "--socket", small / "control.sock", fails=True)
    assert "no gateway listens" in said, said
    CONFIG.unlink()
    CONFIG.write_text(GOOD)
    drop_in.unlink()
    systemctl("daemon-reload")
    systemctl("restart", "mtls-gateway")
    run("umount", small)


def fill(folder):
    """Takes every byte, and then every file."""
    try:
        with open(folder / "filler", "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
    except OSError:
        pass
    try:
        for number in range(1, 1000):
            (folder / f"filler{number}").touch()
    except OSError:
        pass


def main():
    if not h2_client:
        print("!! SKIPPED, no load over HTTP/2: Python's h2 is not installed", flush=True)
    run("useradd", "--system", "--shell", "/usr/sbin/nologin", "mtls-gateway")
    certificates()
    app(TcpServer(("127.0.0.1", 8080), App))
    for unit in ("mtls-gateway.service", "mtls-gateway.socket"):
        shutil.copy(UNITS / unit, SYSTEM / unit)
    DROP_INS.mkdir()
    shutil.copy(UNITS / "socket-activated.conf", DROP_INS / "socket-activated.conf")
    systemctl("daemon-reload")
    run("systemd-analyze", "verify", SYSTEM / "mtls-gateway.service", SYSTEM / "mtls-gateway.socket")
    systemctl("start", "mtls-gateway.socket")
    steps = [
        the_first_connection_starts_it, a_reload_says_what_came_of_it, a_restart_loses_nothing,
        a_hand_over_loses_nothing, a_key_that_is_a_credential_is_served_and_changes_by_a_restart,
        an_upgrade_to_what_cannot_serve_changes_nothing, a_kill_loses_no_new_connection,
        a_worker_that_hangs_is_ended_and_all_recovers, a_crash_loop_leaves_the_socket_up,
        an_app_on_a_unix_socket_needs_no_network,
        several_sockets_are_taken_and_one_that_nobody_wants_is_told, without_a_socket_unit_systemd_keeps_the_listener,
        a_restart_loses_nothing, a_kill_loses_no_new_connection, a_hand_over_loses_nothing, a_full_disk_takes_no_call,
    ]
    for step in steps:
        began = time.monotonic()
        step()
        print(f"ok {step.__name__} ({time.monotonic() - began:.1f} s)", flush=True)
    print("all is well", flush=True)


main()
