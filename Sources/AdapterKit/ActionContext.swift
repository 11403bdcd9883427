import PluginAPI

/// An action under way, as its function sees it. On the action's own thread, which may block.
struct ActionContext {
    private let handle: nexus_task
    private let services: nexus_action_host

    /// Runs `body`: what it returns is the result (nil for an action without), what it throws is why the action fails.
    static func run(
        _ instance: UnsafeMutableRawPointer?, _ task: nexus_task,
        _ body: (ThisAdapter, ActionContext) throws(Failure) -> JSONValue?
    ) -> nexus_status {
        guard let instance = Instance.from(instance) else { return NEXUS_INVALID }
        guard let services = NEXUS_ACTIONS.withCString({ instance.host.services.extension($0) }) else {
            return NEXUS_UNSUPPORTED
        }
        let context = ActionContext(
            handle: task, services: services.assumingMemoryBound(to: nexus_action_host.self).pointee)
        do throws(Failure) {
            guard let result = try body(instance.adapter, context) else { return NEXUS_OK }
            return result.bytes.withUnsafeBytes { bytes in
                context.services.result(
                    task, bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count)
            }
        } catch {
            context.tell(error)
            return NEXUS_FAILED
        }
    }

    private func tell(_ failure: Failure) { failure.cross { _ = services.error(handle, $0) } }

    /// The operator does not want it any more, or its time is up: to return soon.
    var isCancelled: Bool { services.check(handle) != NEXUS_OK }

    /// - Parameter total: nil: unknown.
    func progress(_ message: String, done: UInt64 = 0, total: UInt64? = nil) {
        lend(message) { message in
            var crossing = nexus_progress(
                struct_size: UInt32(MemoryLayout<nexus_progress>.size), reserved: 0, done: done, total: total ?? 0,
                message: message)
            _ = services.progress(handle, &crossing)
        }
    }

    // MARK: HTTP

    /// A request to the backend's server.
    struct Request {
        var method: StaticString
        var path: String
        var headers: StaticHeaders
        var body: [UInt8] = []
        /// Below the host of the backend's URL alone, not below its path.
        var fromRoot = false
    }

    /// Sends a request and waits for its whole answer.
    func collect(_ request: Request) throws(Failure) -> CollectingHandler.Answer {
        var answer: CollectingHandler.Answer?
        try send(request, CollectingHandler { answer = $0 })
        guard let answer else { throw Self.unanswered }
        return answer
    }

    /// Sends a request and gives every line of its answer as it comes, if its status is 200; any other answer is collected.
    /// - Parameter line: false: no more of them is wanted.
    func lines(
        _ request: Request, _ line: @escaping (UnsafeRawBufferPointer) -> Bool
    ) throws(Failure) -> CollectingHandler.Answer {
        var answer: CollectingHandler.Answer?
        try send(request, LineHandler(line) { answer = $0 })
        guard let answer else { throw Self.unanswered }
        return answer
    }

    private static let unanswered = Failure(kind: NEXUS_FAIL_INTERNAL, message: "the host did not end the request")

    /// Returns after the handler's `end`.
    private func send(_ request: Request, _ handler: HTTPHandler) throws(Failure) {
        var handlers = HTTPHandler.functions
        let user = Unmanaged.passRetained(handler)
        let method = request.method
        let status = lend(request.path) { path in
            request.body.withUnsafeBytes { body in
                var crossing = nexus_http_request()
                crossing.struct_size = UInt32(MemoryLayout<nexus_http_request>.size)
                crossing.flags = request.fromRoot ? NEXUS_HTTP_FROM_ROOT : 0
                crossing.method = nexus_str(
                    UnsafeRawBufferPointer(start: method.utf8Start, count: method.utf8CodeUnitCount))
                crossing.path = path
                crossing.headers = request.headers.pointer
                crossing.header_count = request.headers.count
                crossing.body = nexus_str(body)
                return services.http(handle, &crossing, &handlers, user.toOpaque())
            }
        }
        guard status != NEXUS_OK else { return }
        user.release()
        throw Failure(
            kind: NEXUS_FAIL_INTERNAL,
            message: status == NEXUS_STALE
                ? "the action was cancelled" : "the host did not send \(method) \(request.path) (status \(status))")
    }
}

/// Gives an answer's lines as they come.
private final class LineHandler: HTTPHandler {
    private let line: (UnsafeRawBufferPointer) -> Bool
    private let completion: (CollectingHandler.Answer) -> Void
    private var decoder = LineDecoder(limit: 1024 * 1024)
    private var answer = CollectingHandler.Answer(
        status: 0, server: "", location: nil, body: [], end: .cancelled, isCut: false)
    private var isDone = false

    init(_ line: @escaping (UnsafeRawBufferPointer) -> Bool, completion: @escaping (CollectingHandler.Answer) -> Void) {
        self.line = line
        self.completion = completion
    }

    override func head(_ head: nexus_http_head) {
        answer.status = head.status
        answer.location = head.location
    }

    override func body(_ bytes: UnsafeRawBufferPointer) {
        guard answer.status == 200 else {
            answer.body.append(contentsOf: bytes.prefix(1024 * 1024 - answer.body.count))
            return
        }
        guard !isDone else { return }
        do throws(LineDecoder.TooLong) {
            try decoder.feed(bytes) { bytes, _ in give(bytes) }
        } catch {
            isDone = true
            answer.isCut = true
        }
    }

    private func give(_ bytes: UnsafeRawBufferPointer) -> Bool {
        if !line(bytes) { isDone = true }
        return !isDone
    }

    override func end(_ end: HTTPEnd) {
        if !isDone { decoder.finish { _ = give($0) } }
        answer.end = end
        completion(answer)
    }
}
