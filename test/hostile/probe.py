"""Tries every destination it is given, and prints the ones from which anything came back or into which bytes went."""
import base64, ctypes, json, os, socket, struct, subprocess, sys

PORT, ABSTRACT, PROBES = json.loads(base64.b64decode(sys.argv[1]))
SECRET = b"SECRET-bytes-of-the-sandbox\n"

def stream(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(0.4)
        s.connect(address)
        s.sendall(SECRET)
        return s.recv(10)

def datagram(family, address, *options):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        for option in options: s.setsockopt(*option)
        s.sendto(SECRET, address)
        return b"sent"

def asked(address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(0.4)
        # a question that a resolver answers without asking another: the address of the one who asks
        name = socket.gethostname().encode()
        s.sendto(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + bytes([len(name)]) + name + b"\0\0\x01\0\x01", address)
        return s.recv(100)

def ping(host, kind):
    with socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP) as s:
        s.sendto(struct.pack("!BBHHH", 8, 0, 0xf7ff, 0, 0), (host, 0))
        return b"sent"

def packet():
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)) as s:
        for _, name in socket.if_nameindex():
            s.bind((name, 0)); s.send(b"\xff" * 60)
        return b"sent"

def route(*words):
    # a way out that is made, not found: an interface or a route of one's own
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        import fcntl
        fcntl.ioctl(s, 0x8914, struct.pack("16sh", b"eth0", 1))
        return b"changed"

def tun():
    return os.open("/dev/net/tun", os.O_RDWR)

def unshare():
    # in a child: who has a namespace of its own sees no other
    child = os.fork()
    if child == 0:
        try: os._exit(0 if ctypes.CDLL(None).unshare(0x10000000 | 0x40000000) == 0 else 1)
        finally: os._exit(1)
    if os.waitpid(child, 0)[1] != 0: raise OSError("refused")
    return b"unshared"

def other_namespace():
    own = os.readlink("/proc/self/ns/net")
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try: other = os.readlink(f"/proc/{pid}/ns/net")
        except OSError: continue
        if other != own: return b"another namespace"
    raise OSError("refused")

def shell(command):
    done = subprocess.run(["bash", "-c", command.replace("PORT", str(PORT))], capture_output=True, timeout=3)
    if done.returncode != 0 or not done.stdout.strip(): raise OSError("refused")
    return done.stdout

def port_of(given): return PORT if given == 0 else given

def attempt(kind, host, port):
    if kind == "tcp": return stream(socket.AF_INET, (host, port_of(port)))
    if kind == "tcp6": return stream(socket.AF_INET6, (host, port_of(port)))
    if kind == "name": return stream(socket.AF_INET, (socket.gethostbyname(host), port_of(port)))
    if kind == "udp": return datagram(socket.AF_INET, (host, port_of(port)))
    if kind == "ask": return asked((host, port_of(port)))
    if kind == "udp6": return datagram(socket.AF_INET6, (host, port_of(port)))
    if kind == "broadcast": return datagram(socket.AF_INET, (host, port_of(port)), (socket.SOL_SOCKET, socket.SO_BROADCAST, 1))
    if kind == "dns": return socket.getaddrinfo(host, 80)
    if kind == "ping": return ping(host, socket.SOCK_DGRAM)
    if kind == "raw": return ping(host, socket.SOCK_RAW)
    if kind == "packet": return packet()
    if kind == "vsock": return stream(socket.AF_VSOCK, (int(host), port_of(port)))
    if kind == "abstract": return stream(socket.AF_UNIX, "\0" + ABSTRACT)
    if kind == "unix": return stream(socket.AF_UNIX, host)
    if kind == "up": return route()
    if kind == "tun": return tun()
    if kind == "unshare": return unshare()
    if kind == "namespace": return other_namespace()
    return shell(host)

reached = []
for name, kind, host, port in PROBES:
    try:
        if attempt(kind, host, port) != b"": reached.append(name)
    except (OSError, subprocess.SubprocessError, UnicodeError, AttributeError):
        pass
print("reached:" + json.dumps(reached))
