import Core
import Glibc
import JSON

/// Runs checks of an adapter in child processes. A child that dies or hangs fails the check it was in, and another one
/// goes on with the rest. Blocks the calling thread.
public struct CheckRunner {
    /// What is checked, and how.
    public struct Request {
        public var adapterPath: String
        /// Of the bytes that may be run; nil: whatever the file holds.
        public var hash: ContentHash?
        /// Ids; nil: all.
        public var only: [String]?
        public var url: String?
        /// JSON text of an object.
        public var options = "{}"
        public var scriptPath: String?
        /// Seconds for one check.
        public var timeLimit = 20

        public init(adapterPath: String) { self.adapterPath = adapterPath }
    }

    /// The program to run as the child, and its arguments before the plan.
    private let executable: String
    private let arguments: [String]

    /// - Parameter executable: the `nexus` program; by default this one.
    public init(executable: String = "/proc/self/exe", arguments: [String] = ["adapter", childCommand]) {
        self.executable = executable
        self.arguments = arguments
    }

    /// The hidden subcommand whose argument is a plan.
    public static let childCommand = "run-checks"

    /// Ids and requirements of all checks, in their order.
    public static var checks: [(id: String, requirement: String)] { Check.all.map { ($0.id, $0.requirement) } }

    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// - Parameter each: called with each result as it is known.
    public func run(_ request: Request, each: (CheckResult) -> Void = { _ in }) throws(Failure) -> CheckReport {
        try Self.validate(request)
        let wanted = Check.all.filter { check in request.only?.contains(check.id) ?? true }
        var run = Run(request: request, waiting: wanted)
        while !run.waiting.isEmpty { try runChild(&run, each) }
        return run.report
    }

    private static func validate(_ request: Request) throws(Failure) {
        for id in request.only ?? [] where !Check.all.contains(where: { $0.id == id }) {
            throw Failure(description: "there is no check \"\(id)\"; --list prints all")
        }
        guard (try? JSONValue.parse(request.options))?.object != nil else {
            throw Failure(description: "the options must be a JSON object")
        }
        do { _ = try FileContents.read(request.adapterPath) } catch {
            throw Failure(description: "\(request.adapterPath) cannot be read: \(error)")
        }
        guard let script = request.scriptPath else { return }
        do { _ = try ScriptFile(FileContents.read(script)) } catch {
            throw Failure(description: "\(script): \(error)")
        }
    }

    private struct Run {
        let request: Request
        var waiting: [Check]
        var report = CheckReport()

        /// Takes the result of the first waiting check; after an essential one that failed the rest is left out.
        /// - Parameter stopped: what was known of it when its process ended or was stopped.
        mutating func ended(
            _ verdict: CheckResult.Verdict, _ detail: String, _ milliseconds: Int, stopped: Stopped = Stopped(),
            _ each: (CheckResult) -> Void
        ) {
            let check = waiting.removeFirst()
            add(check, verdict, detail, milliseconds, stopped: stopped, each)
            guard check.isEssential, verdict == .fail else { return }
            let rest = waiting
            waiting = []
            for other in rest { add(other, .skip, "not run: \(check.id) failed", 0, isUnreached: true, each) }
        }

        /// Takes what a child has told of it.
        mutating func ended(_ message: JSONValue, _ each: (CheckResult) -> Void) {
            if let type = message["type"]?.string {
                report.adapter = CheckedAdapter(
                    type: type, version: message["version"]?.string ?? "", abi: message["abi"]?.string ?? "")
            }
            let verdict = message["result"]?.string.flatMap { CheckResult.Verdict(rawValue: $0) } ?? .fail
            ended(verdict, message["detail"]?.string ?? "", Int(message["milliseconds"]?.int ?? 0), each)
        }

        private mutating func add(
            _ check: Check, _ verdict: CheckResult.Verdict, _ detail: String, _ milliseconds: Int,
            stopped: Stopped = Stopped(), isUnreached: Bool = false, _ each: (CheckResult) -> Void
        ) {
            let result = CheckResult(
                id: check.id, requirement: check.requirement, verdict: verdict, detail: detail,
                milliseconds: milliseconds, scenario: stopped.scenario, backtrace: stopped.backtrace,
                isUnreached: isUnreached)
            report.results.append(result)
            each(result)
        }
    }

    /// Runs as many of the waiting checks as one child survives; at least one.
    private func runChild(_ run: inout Run, _ each: (CheckResult) -> Void) throws(Failure) {
        let plan = Subject.Plan(
            path: run.request.adapterPath, hash: run.request.hash, url: run.request.url, options: run.request.options,
            script: run.request.scriptPath)
        let checks = run.waiting.prefix { !$0.needsOwnProcess || $0.id == run.waiting.first?.id }
        let alone = checks.first?.needsOwnProcess == true ? checks.prefix(1) : checks
        let text = CheckChild.plan(plan, checks: alone.map(\.id), seconds: run.request.timeLimit)
        let child: ChildProcess
        do { child = try ChildProcess(executable: executable, arguments: arguments + [text]) } catch {
            throw Failure(description: error.description)
        }
        let left = run.waiting.count - alone.count
        var watch = Watch(left: left, limit: UInt64(run.request.timeLimit) * 1000)
        let end = watch.follow(child, &run, each)
        if end == nil, run.waiting.count > left { watch.interrupt(child, &run, each) }
        child.finish(isGone: end != nil)
        guard run.waiting.count > left else { return }
        if !watch.isInCheck, end == "exited with status 2" {
            throw Failure(description: "\(executable) did not take the checks")
        }
        let trace = Backtrace(watch.frames, adapter: run.request.adapterPath)
        var detail = end ?? "did not return within \(run.request.timeLimit) s"
        // An end that its handler could not see through by itself is that of the signal that came first.
        if let signal = watch.signal, end != nil { detail = "crashed with \(signal)" }
        if let place = trace.place { detail += " in \(place)" }
        let stopped = Stopped(scenario: watch.scenario, backtrace: trace.lines)
        run.ended(.fail, detail, Int(Clock.monotonicMilliseconds() - watch.since), stopped: stopped, each)
    }

    /// What is known of a check whose process ended or was stopped.
    private struct Stopped {
        var scenario = ""
        var backtrace: [String] = []
    }

    /// Follows one child until it has done its checks, is gone, or has been in one of them for too long.
    private struct Watch {
        /// Checks that wait when this child has done its own.
        let left: Int
        /// Milliseconds for a check.
        let limit: UInt64
        private(set) var isInCheck = false
        /// When the check began, or the time between two checks.
        private(set) var since = Clock.monotonicMilliseconds()
        /// What the check does; empty: it has not said.
        private(set) var scenario = ""
        /// What has ended the child, as it told before, and where.
        private(set) var signal: String?
        private(set) var frames: [JSONValue] = []
        /// The one in which the child's checks run.
        private var thread: CInt?
        private var lines = Lines()

        /// Milliseconds for which a child that is stuck may take to say where.
        private static let patience: UInt64 = 1000

        init(left: Int, limit: UInt64) {
            self.left = left
            self.limit = limit
        }

        /// How the child ended, if it has.
        mutating func follow(_ child: ChildProcess, _ run: inout Run, _ each: (CheckResult) -> Void) -> String? {
            var isClosed = false
            while run.waiting.count > left {
                if isClosed { usleep(5000) }
                switch isClosed ? .nothing : child.read(milliseconds: 50) {
                case .bytes(let bytes): take(bytes, &run, each)
                case .closed: isClosed = true
                case .nothing:
                    guard let end = child.ended() else { break }
                    // What it told before its end may still be in the pipe.
                    while !isClosed, case .bytes(let bytes) = child.read(milliseconds: 0) { take(bytes, &run, each) }
                    return end
                }
                // Also while bytes come: they may be an adapter's own.
                if Clock.monotonicMilliseconds() - since > limit { return nil }
            }
            return nil
        }

        /// Asks a child that does not return where it is.
        mutating func interrupt(_ child: ChildProcess, _ run: inout Run, _ each: (CheckResult) -> Void) {
            guard let thread, isInCheck else { return }
            child.interrupt(thread)
            let asked = Clock.monotonicMilliseconds()
            while frames.isEmpty, Clock.monotonicMilliseconds() - asked < Self.patience {
                switch child.read(milliseconds: 50) {
                case .bytes(let bytes): take(bytes, &run, each)
                case .closed: return
                case .nothing: break
                }
            }
        }

        private mutating func take(_ bytes: [UInt8], _ run: inout Run, _ each: (CheckResult) -> Void) {
            for message in lines.feed(bytes) {
                guard run.waiting.count > left, let first = run.waiting.first else { return }
                if let words = message["doing"]?.string {
                    scenario = words
                    continue
                } else if let number = message["thread"]?.int.flatMap({ CInt(exactly: $0) }) {
                    thread = number
                    continue
                } else if let name = message["crash"]?.string {
                    signal = name
                    continue
                } else if let places = message["frames"]?.array {
                    frames = places
                    continue
                } else if message["begin"]?.string == first.id {
                    isInCheck = true
                } else if message["end"]?.string == first.id, isInCheck {
                    run.ended(message, each)
                    isInCheck = false
                } else {
                    continue
                }
                since = Clock.monotonicMilliseconds()
            }
        }
    }

    /// Cuts what a child tells into messages; what is none is dropped.
    private struct Lines {
        /// Bytes of a message; no child tells as much.
        private static let limit = 1 << 20
        private var partial: [UInt8] = []

        mutating func feed(_ bytes: [UInt8]) -> [JSONValue] {
            partial += bytes
            var messages: [JSONValue] = []
            while let end = partial.firstIndex(of: 0x0A) {
                if let value = try? JSONValue.parse(Array(partial[..<end])) { messages.append(value) }
                partial.removeFirst(end + 1)
            }
            if partial.count > Self.limit { partial = [] }
            return messages
        }
    }
}
