import AdapterHost
import Core
import Glibc
import JSON
import NIOCore
import Upstream

/// `GET /v1/gateway`: the gateway itself.
struct GatewayAnswers {
    /// What one loop has.
    private struct Loop: Sendable {
        var index: Int
        var connections: Int
        var sessions: Int
    }

    let state: GatewayState

    func show(_ later: LaterAnswer) {
        let (answers, remote) = (self, later.remote)
        state.loops.ask(
            on: later.eventLoop,
            { Loop(index: $0.index, connections: $0.connections.count, sessions: $0.sessions.count) },
            then: { loops, silent in
                // Files of /proc are read, and a configuration may be long.
                let isTaken = state.work.submit(size: 0) {
                    remote.answer(
                        LocalAnswer(fields: [("cache-control", "no-store")], body: answers.json(loops, silent: silent)))
                }
                if !isTaken { remote.answer(.error(.overloaded)) }
            })
    }

    private func json(_ loops: [Loop], silent: Int) -> [UInt8] {
        var json = JSONWriter(capacity: 16_384)
        let now = Clock.preciseWallSeconds()
        json.beginObject()
        json.key("object")
        json.string("gateway")
        json.key("version")
        json.string(GatewayState.version)
        json.key("instance_id")
        json.string(state.ledger.instance.id)
        json.key("at")
        json.string(Timestamp.text(seconds: now))
        json.key("started_at")
        json.string(Timestamp.text(seconds: Double(state.ledger.instance.startedAt)))
        json.key("uptime_seconds")
        json.integer(state.uptimeSeconds)
        writeProcess(loops, silent: silent, to: &json)
        writeTLS(to: &json)
        writeAdapters(to: &json)
        writeConfiguration(to: &json)
        writeReload(to: &json)
        json.key("log")
        json.beginObject()
        json.key("lines_dropped")
        json.integer(GatewayLog.writer.dropped)
        json.endObject()
        json.endObject()
        return json.bytes
    }

    private func number(_ key: String, _ value: Int?, to json: inout JSONWriter) {
        json.key(key)
        if let value { json.integer(value) } else { json.null() }
    }

    private func writeProcess(_ loops: [Loop], silent: Int, to json: inout JSONWriter) {
        json.key("memory")
        json.beginObject()
        number("resident_bytes", ProcessFigures.residentBytes, to: &json)
        number("requests_bytes", state.memory.used, to: &json)
        number("requests_limit_bytes", state.memory.limit, to: &json)
        json.key("refused_total")
        json.integer(state.memory.refused)
        json.endObject()
        json.key("descriptors")
        json.beginObject()
        number("open", ProcessFigures.openDescriptors, to: &json)
        number("limit", ProcessFigures.descriptorLimit, to: &json)
        json.endObject()
        json.key("connections")
        json.beginObject()
        // Of the loops that have answered.
        number("clients", loops.reduce(0) { $0 + $1.connections }, to: &json)
        number("servers", UpstreamSockets.open.load(ordering: .relaxed), to: &json)
        number("subscribers", loops.reduce(0) { $0 + $1.sessions }, to: &json)
        json.endObject()
        json.key("loops")
        json.beginObject()
        number("silent", silent, to: &json)
        json.key("data")
        json.beginArray()
        for loop in loops {
            json.beginObject()
            number("index", loop.index, to: &json)
            number("clients", loop.connections, to: &json)
            number("subscribers", loop.sessions, to: &json)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        json.key("queue")
        json.beginObject()
        number("waiting", state.admission.count, to: &json)
        number("limit", state.settings.queue.enabled ? state.settings.queue.maxSize : 0, to: &json)
        json.endObject()
    }

    private func writeTLS(to json: inout JSONWriter) {
        json.key("tls")
        guard let standing = state.listener.standing else { return json.null() }
        json.beginObject()
        json.key("certificate")
        json.string(EntryLimits.cut(standing.name, to: 100))
        json.key("expires_at")
        json.string(Timestamp.text(seconds: Double(standing.expires)))
        json.key("client_certificates")
        json.bool(standing.asksForCertificates)
        json.key("problem")
        if let problem = standing.problem { json.string(problem) } else { json.null() }
        json.key("problem_since")
        if standing.problem != nil { json.string(Timestamp.text(seconds: standing.since)) } else { json.null() }
        json.endObject()
    }

    // MARK: Adapters

    private func writeAdapters(to json: inout JSONWriter) {
        let library = state.library
        let breaches = breachesByAdapter
        let current = Set(library.images.map(\.ordinal))
        json.key("adapters")
        json.beginArray()
        for image in library.images {
            json.beginObject()
            write(image, to: &json)
            json.key("breaches")
            write(breaches[image.type] ?? [], to: &json)
            json.endObject()
        }
        json.endArray()
        json.key("adapters_retired")
        json.beginArray()
        for image in AdapterImage.loaded where !current.contains(image.ordinal) {
            json.beginObject()
            for (key, value) in [("type", image.type), ("version", image.version), ("path", image.path)] {
                json.key(key)
                json.string(value)
            }
            json.key("loaded_at")
            json.string(Timestamp.text(seconds: image.at))
            json.endObject()
        }
        json.endArray()
        json.key("adapters_unused")
        json.beginArray()
        AdapterList.writeUnused(library, to: &json)
        json.endArray()
        // Of backends that are gone, or that nobody knows.
        json.key("breaches_of_unknown")
        write(breaches[""] ?? [], to: &json)
    }

    private func write(_ image: AdapterImage, to json: inout JSONWriter) {
        for (key, value) in [
            ("type", image.type), ("name", image.displayName), ("version", image.version),
            ("abi", "\(image.abiMajor).\(image.abiMinor)"), ("path", image.path),
            ("loaded_at", Timestamp.text(seconds: image.loadedAt)),
        ] {
            json.key(key)
            json.string(value)
        }
        json.key("warnings")
        json.beginArray()
        for warning in image.warnings { json.string(warning) }
        json.endArray()
    }

    private func write(_ breaches: [AdapterFigures.Breach], to json: inout JSONWriter) {
        json.beginArray()
        for breach in breaches {
            json.beginObject()
            json.key("kind")
            json.string(breach.kind)
            json.key("words")
            json.string(breach.words)
            json.key("backend_id")
            if breach.backend.isEmpty { json.null() } else { json.string(breach.backend) }
            json.key("count")
            json.integer(breach.count)
            json.endObject()
        }
        json.endArray()
    }

    /// Breaches of one adapter that are listed, the most frequent.
    private static let breachLimit = 20

    /// By the adapter's type; under "" those of which it is not known.
    private var breachesByAdapter: [String: [AdapterFigures.Breach]] {
        let types = Dictionary(
            state.registry.snapshot.backends.map { ($0.identity.id, $0.identity.backendType) }
        ) { first, _ in first }
        return Dictionary(grouping: AdapterFigures.breaches) { types[$0.backend] ?? "" }.mapValues { breaches in
            Array(
                breaches.sorted { ($1.count, $0.words, $0.backend) < ($0.count, $1.words, $1.backend) }
                    .prefix(Self.breachLimit))
        }
    }

    // MARK: Configuration

    private func writeConfiguration(to json: inout JSONWriter) {
        json.key("configuration")
        guard let applied = state.configuration else { return json.null() }
        let library = state.library
        json.beginObject()
        number("version", applied.version, to: &json)
        json.key("applied_at")
        json.string(Timestamp.text(seconds: applied.at))
        json.key("discovers")
        json.bool(applied.value.discover)
        json.key("state_file")
        if let file = applied.value.stateFile { json.string(file) } else { json.null() }
        json.key("state_file_problem")
        if let problem = state.stateProblem { json.string(problem) } else { json.null() }
        json.key("effective")
        json.raw(
            ConfigurationEncoding.json(
                applied.value, isSet: { name in getenv(name).map { $0.pointee != 0 } ?? false },
                options: { backend in
                    // As the adapter that serves it reads them.
                    let meant = (try? library.resolved(backend)) ?? backend
                    return ShownOptions.json(
                        meant.options, schema: library.image(type: meant.type)?.optionsSchema,
                        marked: meant.secretOptions)
                }))
        json.endObject()
    }

    private func writeReload(to json: inout JSONWriter) {
        json.key("last_reload")
        guard let reload = state.lastReload else { return json.null() }
        json.beginObject()
        json.key("at")
        json.string(Timestamp.text(seconds: state.lastReloadAt ?? 0))
        json.key("status")
        json.string(reload.problem == nil ? "reloaded" : "kept")
        json.key("problem")
        if let problem = reload.problem { json.string(problem) } else { json.null() }
        reload.writeMembers(to: &json)
        json.endObject()
    }
}
