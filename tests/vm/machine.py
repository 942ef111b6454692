"""A virtual machine with virtual recorders: boots the guest, has it run a script, serves what the script asks for."""

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
# What programs are compiled for that all machines run; what more a processor has, costs more to imitate than it brings.
CPU = "Nehalem"
MEMORY = "1536M"
# The slots of the machine's bus that the recorders sit in, so that the guest knows which is which.
FIRST_SLOT = 0x10


# All that was started here, to be ended when somebody ends the run.
started = []


class Failure(Exception):
    """Something that a person has to look at."""


class Recorder:
    """A recorder, a process on the host."""

    def __init__(self, folder, number, binary, options):
        self.number = number
        self.binary = binary
        self.socket = os.path.join(folder, f"recorder{number}")
        self.machine_socket = self.socket + ".machine"
        self.log = open(self.socket + ".log", "ab")
        command = [binary, "--listen", self.socket, "--vhost-user", self.machine_socket]
        command += ["--serial", f"VD{number:06}", "--product", f"Recorder {number}", *options]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        started.append(self.process)
        await_path(self.machine_socket, self.process, self.socket + ".log")
        # Named anew each time: a monitor keeps a connection longer than the device that used it.
        self.device = f"recorder{number}-{time.monotonic_ns()}"

    def control(self, *arguments):
        done = subprocess.run([self.binary, "control", self.socket, *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
        return done.returncode, done.stdout

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class Monitor:
    """The machine's own control socket (QMP)."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        self.socket.connect(path)
        self.file = self.socket.makefile("rw")
        self.file.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()
        while True:
            line = self.file.readline()
            if not line:
                raise Failure("the machine has gone")
            answer = json.loads(line)
            if "error" in answer:
                raise Failure(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]


class Machine:
    """A run of the guest. `work` is a folder of this run's; the guest sees its folder `share` as /host."""

    def __init__(self, guest, work, binaries, recorders, deadline):
        self.guest = guest
        self.work = work
        self.share = os.path.join(work, "share")
        self.binaries = binaries
        self.options = dict(enumerate(recorders))
        self.deadline = time.monotonic() + deadline
        self.recorders = {}
        self.monitor = None
        self.console = os.path.join(work, "console")

    def run(self, script):
        """Runs a script of the share's in the guest and gives its exit status."""
        run = os.path.join(self.share, "run-in-guest")
        with open(run, "w") as file:
            file.write(f"#!/bin/sh\ncd /host\nbash /host/{script} > /host/output 2>&1\necho $? > /host/status\n")
        os.chmod(run, 0o755)
        try:
            for number, options in self.options.items():
                self.start(number, options)
            self.boot()
        finally:
            for recorder in self.recorders.values():
                recorder.end()
        try:
            with open(os.path.join(self.share, "status")) as file:
                return int(file.read())
        except (OSError, ValueError):
            raise Failure("the guest ended without a result; its console said last:\n" + self.tail()) from None

    def start(self, number, options):
        binary = os.path.join(self.binaries, "discmaster-vdrive")
        self.recorders[number] = Recorder(self.work, number, binary, options)

    def boot(self):
        port = os.path.join(self.work, "port")
        qmp = os.path.join(self.work, "qmp")
        server = socket.socket(socket.AF_UNIX)
        server.bind(port)
        server.listen(1)
        command = [
            "qemu-system-x86_64", "-accel", accelerator(), "-cpu", CPU, "-smp", "2", "-m", MEMORY,
            "-object", f"memory-backend-memfd,id=memory,size={MEMORY},share=on", "-numa", "node,memdev=memory",
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-nic", "none",
            "-kernel", f"{self.guest}/kernel", "-initrd", f"{self.guest}/initramfs",
            "-append", "console=ttyS0 quiet panic=-1 systemd.show_status=0 mitigations=off no_timer_check random.trust_cpu=on",
            "-serial", f"file:{self.console}",
            "-drive", f"file={self.guest}/disk,if=none,id=disk,format=raw,snapshot=on,cache=unsafe",
            "-device", "virtio-blk-pci,drive=disk",
            "-device", "virtio-rng-pci",
            "-virtfs", f"local,path={self.share},mount_tag=host,security_model=none,multidevs=remap",
            "-chardev", f"socket,id=port,path={port}",
            "-device", "virtio-serial-pci", "-device", "virtserialport,chardev=port,name=host",
            "-qmp", f"unix:{qmp},server=on,wait=off",
        ]
        for recorder in self.recorders.values():
            command += ["-chardev", f"socket,id={recorder.device},path={recorder.machine_socket}"]
            command += ["-device", ",".join(f"{key}={value}" for key, value in device(recorder).items())]
        log = os.path.join(self.work, "qemu.log")
        with open(log, "wb") as file:
            qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                    env={**os.environ, "TMPDIR": self.work})
        started.append(qemu)
        try:
            await_path(qmp, qemu, log)
            self.monitor = Monitor(qmp)
            threading.Thread(target=self.serve, args=(server,), daemon=True).start()
            qemu.wait(max(1, self.deadline - time.monotonic()))
        except OSError as error:
            with open(log) as file:
                raise Failure(f"QEMU failed: {error}\n" + file.read()) from None
        except subprocess.TimeoutExpired:
            raise Failure("the guest did not end in time; its console said last:\n" + self.tail()) from None
        finally:
            if qemu.poll() is None:
                qemu.kill()
                qemu.wait()
            server.close()
        if qemu.returncode != 0:
            with open(log) as file:
                raise Failure("QEMU failed:\n" + file.read())

    def serve(self, server):
        """Does what the guest asks for, line by line."""
        connection, _ = server.accept()
        with connection, connection.makefile("r") as lines:
            for line in lines:
                try:
                    status, output = self.act(*line.split())
                except Exception as error:  # whatever it is, the guest is told
                    status, output = 1, f"{type(error).__name__}: {error}"
                answer = "".join(f" {text}\n" for text in output.splitlines())
                connection.sendall(f"{answer}end {status}\n".encode())

    def act(self, verb, number="0", *arguments):
        number = int(number)
        recorder = self.recorders.get(number)
        if verb == "control":
            if arguments[:1] == ("fault",):
                arguments = ("fault", " ".join(arguments[1:]))
            return recorder.control(*(word.replace("@", self.work + "/") for word in arguments))
        if verb == "pull":
            # The whole device goes from the machine's bus, as a cable that is pulled from a port.
            self.monitor.ask("device_del", id=recorder.device)
            return 0, ""
        if verb == "plug":
            if recorder:
                self.clear(recorder)
                recorder.end()
            self.start(number, [word.replace("@", self.work + "/") for word in arguments])
            recorder = self.recorders[number]
            self.monitor.ask("chardev-add", id=recorder.device, backend={
                "type": "socket",
                "data": {"addr": {"type": "unix", "data": {"path": recorder.machine_socket}}, "server": False},
            })
            self.monitor.ask("device_add", **device(recorder))
            return 0, ""
        return 2, f"nobody knows what {verb} is"

    def clear(self, recorder):
        """Takes a recorder's device from the bus, if it is there still, and waits for the guest to let go of it."""
        asked = False
        while any(child["name"] == recorder.device for child in self.monitor.ask("qom-list", path="/machine/peripheral")):
            if not asked:
                try:
                    self.monitor.ask("device_del", id=recorder.device)
                except Failure:
                    pass  # asked before
                asked = True
            if time.monotonic() > self.deadline:
                raise Failure("the guest does not let go of the device")
            time.sleep(0.1)
        try:
            self.monitor.ask("chardev-remove", id=recorder.device)
        except Failure:
            pass  # the connection went with the recorder

    def tail(self):
        try:
            with open(self.console, errors="replace") as file:
                return "".join(file.readlines()[-25:])
        except OSError:
            return "(nothing)"


def device(recorder):
    return {"driver": "vhost-user-scsi-pci", "id": recorder.device, "chardev": recorder.device, "num_queues": 1,
            "addr": hex(FIRST_SLOT + recorder.number)}


def accelerator():
    """KVM where it is asked for: where a machine is emulated itself, it is there and hangs."""
    return os.environ.get("VM_ACCEL", "tcg,thread=multi")


def await_path(path, process, log):
    deadline = time.monotonic() + 20
    while not os.path.exists(path):
        if process.poll() is not None or time.monotonic() > deadline:
            with open(log, errors="replace") as file:
                raise Failure(f"{process.args[0]} did not start:\n{file.read()}")
        time.sleep(0.02)


def end_all(*_):
    """For signals: leaves nothing running."""
    for process in started:
        if process.poll() is None:
            process.kill()
    os._exit(1)


def build_guest():
    if not shutil.which("qemu-system-x86_64"):
        raise Failure("qemu-system-x86_64 is not installed (package qemu-system-x86)")
    done = subprocess.run([os.path.join(HERE, "build-guest")], stdout=subprocess.PIPE, text=True, timeout=900)
    if done.returncode != 0:
        raise Failure("the guest could not be built")
    return done.stdout.strip()


def say(text):
    print(text, file=sys.stderr, flush=True)
