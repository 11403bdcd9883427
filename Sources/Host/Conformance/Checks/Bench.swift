import ABIRules
import AdapterHost
import PluginAPI

/// What one check works with: instances of the adapter, a server that goes as the check wants it, and the breaches of the
/// header that were seen meanwhile.
final class Bench {
    static let key = "sk-check-5ecret-k3y"

    let subject: Subject
    let breaches = Breaches()

    init(_ subject: Subject) { self.subject = subject }

    var server: any ServerScript { subject.server }

    // MARK: Instances

    struct Creation {
        var status: nexus_status
        var instance: UnsafeMutableRawPointer?
        var message: String
        /// The length that was set, and whether bytes behind the room were written.
        var length: Int
        var overran: Bool
    }

    func url() throws -> String {
        try subject.plan.url ?? subject.image().defaultURLs.first ?? "http://server.example:8080"
    }

    /// Calls create as it is, without the checks the host makes before.
    func create(
        _ bound: BoundLog, name: String = "check", url: String? = nil, options: String? = nil, key: String = "",
        capacity: Int = 1024
    ) throws -> Creation {
        let functions = try subject.image().functions
        subject.note("create\(options.map { " with the options \($0.prefix(100))" } ?? "")")
        let guarded = 256
        let room = UnsafeMutablePointer<CChar>.allocate(capacity: capacity + guarded)
        room.initialize(repeating: 0x55, count: capacity + guarded)
        defer { room.deallocate() }
        var message = nexus_message(ptr: room, capacity: capacity, length: 0)
        var instance: UnsafeMutableRawPointer?
        let address = try url ?? self.url()
        let status = withBorrowed(name) { name in
            withBorrowed(address) { url in
                withBorrowed(key.isEmpty ? [] : [key]) { keys in
                    withBorrowed(options ?? subject.plan.options) { options in
                        var config = nexus_backend_config(
                            struct_size: UInt32(MemoryLayout<nexus_backend_config>.size), reserved: 0, name: name,
                            url: url, api_key: keys.first ?? nexus_str(ptr: nil, len: 0), options: options,
                            api_keys: keys.baseAddress, api_key_count: keys.count)
                        return functions.create(&config, ScriptedHost.table, bound.pointer, &instance, &message)
                    }
                }
            }
        }
        let text = BorrowedText.line(
            nexus_str(ptr: UnsafePointer(room), len: min(message.length, capacity)), limit: capacity)
        return Creation(
            status: status, instance: instance, message: text, length: message.length,
            overran: (capacity..<capacity + guarded).contains { room[$0] != 0x55 })
    }

    /// Ends what create has made, if it has.
    func destroy(_ creation: Creation) throws {
        if creation.status == NEXUS_OK, let instance = creation.instance {
            try subject.image().functions.destroy(instance)
        }
    }

    func boundLog() throws -> BoundLog { try BoundLog(breaches: breaches) }

    /// An instance with the options of the plan.
    func backend(_ bound: BoundLog? = nil, name: String = "check", key: String = "") throws -> ScriptedBackend {
        let bound = try bound ?? boundLog()
        bound.log.clear()
        let creation = try create(bound, name: name, key: key)
        guard creation.status == NEXUS_OK, let instance = creation.instance else {
            throw CheckStop.failed("create refused with status \(creation.status): \"\(creation.message)\"")
        }
        return ScriptedBackend(try subject.image().functions, log: bound.log, instance: instance)
    }

    /// The kinds the adapter supports, by their names.
    func kinds() throws -> [(name: String, bit: UInt32)] {
        let kinds = try subject.image().kinds
        return Self.allKinds.filter { kinds & $0.bit != 0 }
    }

    static let allKinds: [(name: String, bit: UInt32)] = [
        ("chat", NEXUS_KIND_CHAT), ("completions", NEXUS_KIND_COMPLETIONS), ("embeddings", NEXUS_KIND_EMBEDDINGS),
    ]

    /// The first supported kind that generates text.
    func textKind() throws -> UInt32 {
        guard let kind = try kinds().first(where: { $0.bit != NEXUS_KIND_EMBEDDINGS }) else {
            throw CheckStop.skipped("the adapter supports no kind that generates text")
        }
        return kind.bit
    }

    // MARK: Runs

    func loop(_ variation: Variation = Variation(), refusal: nexus_status = NEXUS_OK) -> ScriptedLoop {
        let server = server
        subject.note("a server \(variation.words)")
        return ScriptedLoop(breaches: breaches, ownThreads: subject.ownThreads, refusal: refusal) {
            Arrival.of($0, by: server, variation)
        }
    }

    struct ProbeRun {
        let task: ScriptedTask
        let log: ReportLog.Content
        /// The report that ended the probe.
        func health() throws -> ReportLog.Health {
            guard let health = log.health.first else {
                throw CheckStop.failed("no health was reported before the probe's time was up")
            }
            return health
        }
    }

    /// A probe of a new instance, to its end.
    func probe(_ variation: Variation = Variation(), key: String = "") throws -> ProbeRun {
        let backend = try backend(key: key)
        let loop = loop(variation)
        subject.note("a probe of a server \(variation.words)")
        let task = backend.probe(on: loop)
        loop.settle()
        let log = backend.log.now
        backend.destroy(after: loop)
        return ProbeRun(task: task, log: log)
    }

    /// An exchange of a new instance, to its end.
    /// - Parameter older: the host is of ABI 1.0.
    func exchange(
        _ ask: Ask, _ variation: Variation = Variation(), key: String = "", older: OlderHost = .no
    ) throws -> ScriptedTask {
        let backend = try backend(key: key)
        backend.older = older
        let loop = loop(variation)
        subject.note("\(ask.words), from a server \(variation.words)")
        let task = backend.submit(ask, on: loop, scribbling: variation.scribbles)
        loop.settle()
        backend.destroy(after: loop)
        return task
    }

    func ask(_ kind: UInt32, stream: Bool, usage: Bool = true) -> Ask { Asks.plain(kind, stream: stream, usage: usage) }

    /// Faults of a server are for adapters that have one.
    func requireHTTP(_ task: ScriptedTask) throws {
        if task.sent.isEmpty { throw CheckStop.skipped("the adapter made no HTTP request") }
    }
}
