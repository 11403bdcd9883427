import Glibc
import Testing

@testable import Service

@Suite struct ListenPlanTests {
    private func given(
        _ descriptor: CInt, _ name: String, _ host: String = "127.0.0.1", _ port: Int = 8000,
        kind: SocketFacts.Kind = .internet, isStream: Bool = true, listens: Bool = true
    ) -> ListenPlan.Given {
        ListenPlan.Given(
            GivenSocket(descriptor: descriptor, name: name),
            SocketFacts(kind: kind, isStream: isStream, listens: listens, host: host, port: port))
    }

    private func plan(_ given: ListenPlan.Given..., port: Int = 8000) throws(ServiceProblem) -> ListenPlan {
        try ListenPlan.made(of: given, addresses: ["127.0.0.1"], port: port)
    }

    @Test func withoutSocketsOneIsOpened() throws {
        #expect(try plan() == .open(leaving: []))
    }

    @Test func socketsOfAUnitCountWhateverTheConfigurationSays() throws {
        let sockets = [given(3, "nexus.socket", "0.0.0.0", 80), given(4, "nexus.socket", "::", 443)]
        #expect(
            try ListenPlan.made(of: sockets, addresses: ["127.0.0.1"], port: 8000) == .given(sockets, leaving: []))
    }

    @Test func theOwnListenerOfAnEarlierRunIsTakenAgain() throws {
        let kept = given(3, ListenPlan.keptName)
        #expect(try plan(kept) == .kept(kept, leaving: []))
    }

    @Test func aKeptListenerThatIsNotTheConfiguredOneIsLeft() throws {
        let kept = given(3, ListenPlan.keptName, "127.0.0.1", 9000)
        #expect(try plan(kept) == .open(leaving: [kept]))
        let elsewhere = given(3, ListenPlan.keptName, "10.0.0.1")
        #expect(try plan(elsewhere) == .open(leaving: [elsewhere]))
    }

    @Test func whereAnyPortWillDoTheKeptOneDoes() throws {
        let kept = given(3, ListenPlan.keptName, "127.0.0.1", 41234)
        #expect(try plan(kept, port: 0) == .kept(kept, leaving: []))
    }

    @Test func aUnitCountsOverAKeptListener() throws {
        let (kept, unit) = (given(3, ListenPlan.keptName), given(4, "nexus.socket"))
        #expect(try plan(kept, unit) == .given([unit], leaving: [kept]))
    }

    @Test func aKeptListenerThatIsBrokenIsLeftInSilence() throws {
        let kept = given(3, ListenPlan.keptName, kind: .missing, isStream: false, listens: false)
        #expect(try plan(kept) == .open(leaving: [kept]))
    }

    @Test(arguments: [
        (SocketFacts(kind: .missing), "not open"), (SocketFacts(kind: .noSocket), "no socket"),
        (SocketFacts(kind: .unix), "Unix socket"), (SocketFacts(kind: .other), "no socket of the internet"),
        (SocketFacts(kind: .internet, isStream: false), "ListenStream="),
        (SocketFacts(kind: .internet, listens: false), "Accept=no"),
    ])
    func aSocketOnWhichNobodyCanBeServedIsRefusedInWords(_ facts: SocketFacts, _ words: String) {
        let unit = ListenPlan.Given(GivenSocket(descriptor: 3, name: "nexus.socket"), facts)
        do throws(ServiceProblem) {
            _ = try plan(unit)
            Issue.record("it was taken")
        } catch {
            #expect(error.description.contains(words))
            #expect(error.description.contains("descriptor 3 (nexus.socket)"))
        }
    }
}

@Suite struct SocketFactsTests {
    private func socket(_ family: CInt, _ type: __socket_type) -> CInt { Glibc.socket(family, CInt(type.rawValue), 0) }

    @Test func aListenerIsKnownWithItsAddress() {
        let listener = socket(AF_INET, SOCK_STREAM)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isBound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        #expect(isBound == 0 && listen(listener, 1) == 0)

        let facts = SocketFacts.of(listener)

        #expect(facts.problem == nil)
        #expect(facts.host == "127.0.0.1" && facts.port > 0)
        #expect(facts.place == "127.0.0.1:\(facts.port)")
    }

    @Test func whatDoesNotListenTakesDatagramsOrIsNoSocketIsKnownForThat() {
        for (descriptor, words) in [
            (socket(AF_INET, SOCK_STREAM), "does not listen"), (socket(AF_INET6, SOCK_DGRAM), "datagrams"),
            (socket(AF_UNIX, SOCK_STREAM), "Unix socket"), (open("/dev/null", O_RDONLY), "no socket"),
        ] {
            #expect(SocketFacts.of(descriptor).problem?.contains(words) == true)
            close(descriptor)
        }
        #expect(SocketFacts.of(9999).problem?.contains("not open") == true)
    }
}

@Suite struct ServiceManagerTests {
    /// A socket of a manager in the abstract namespace, as the caller of this process would have one.
    private func manager() -> (descriptor: CInt, address: NotifyAddress)? {
        let name = "nexus-tests-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        guard let address = NotifyAddress("@\(name)") else { return nil }
        let receiver = Glibc.socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue), 0)
        var path = sockaddr_un()
        path.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &path.sun_path) { $0.copyBytes(from: address.bytes) }
        let size = MemoryLayout<sa_family_t>.size + address.bytes.count
        let isBound = withUnsafePointer(to: &path) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(receiver, $0, socklen_t(size)) }
        }
        return isBound == 0 ? (receiver, address) : nil
    }

    @Test func whatIsToldArrivesAsOneDatagram() throws {
        let (receiver, address) = try #require(manager())
        defer { close(receiver) }

        #expect(ServiceManager(address).tell(.ready("fine")) == nil)

        var bytes = [UInt8](repeating: 0, count: 1024)
        let count = recv(receiver, &bytes, bytes.count, 0)
        #expect(String(decoding: bytes.prefix(max(0, count)), as: UTF8.self) == "READY=1\nSTATUS=fine\n")
    }

    @Test func whereNobodyListensThatIsSaid() throws {
        let address = try #require(NotifyAddress("@nexus-tests-nobody-\(getpid())"))
        #expect(ServiceManager(address).tell(.alive) != nil)
    }

    @Test func withoutAManagerNothingIsSent() {
        #expect(ServiceManager(nil).tell(.alive) == nil)
        #expect(!ServiceManager(nil).isThere)
    }
}
