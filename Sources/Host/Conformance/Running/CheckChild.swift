import Core
import Glibc
import JSON
import Shims

/// The process in which an adapter is checked: it tells its parent, on a pipe, which check it begins and how each ends.
public enum CheckChild {
    /// The pipe to the parent.
    static let descriptor: CInt = 3
    private static let dataLimit: UInt64 = 4 << 30
    private static let fileLimit: UInt64 = 1 << 30

    /// What the parent wants, as text for the command line.
    static func plan(_ plan: Subject.Plan, checks: [String], seconds: Int) -> String {
        var object = JSONObject([
            (name: "path", value: .string(plan.path)), (name: "options", value: .string(plan.options)),
            (name: "checks", value: .array(checks.map { .string($0) })),
            (name: "seconds", value: .number(JSONNumber(seconds))),
        ])
        object["sha256"] = plan.hash.map { .string($0.text) }
        object["url"] = plan.url.map { .string($0) }
        object["script"] = plan.script.map { .string($0) }
        return String(decoding: JSONValue.object(object).bytes, as: UTF8.self)
    }

    /// Runs the checks of a plan; never returns.
    public static func run(_ text: String) -> Never {
        nexus_die_with_parent()
        nexus_limit_resources(dataLimit, fileLimit)
        nexus_trace_crashes(descriptor)
        guard let value = try? JSONValue.parse(text), let path = value["path"]?.string else { _exit(2) }
        var plan = Subject.Plan(path: path)
        if let text = value["sha256"]?.string {
            guard let hash = ContentHash(text: text) else { _exit(2) }
            plan.hash = hash
        }
        plan.url = value["url"]?.string
        plan.script = value["script"]?.string
        plan.options = value["options"]?.string ?? "{}"
        let seconds = UInt64(value["seconds"]?.int ?? 20)
        guard let subject = try? Subject(plan, output: Output()) else { _exit(2) }
        tell(["thread": .number(JSONNumber(nexus_trace_thread()))])
        subject.doing = { tell(["doing": .string($0)]) }
        for id in value["checks"]?.array?.compactMap(\.string) ?? [] {
            guard let check = Check.all.first(where: { $0.id == id }) else { continue }
            nexus_limit_processor_time(seconds)
            tell(["begin": .string(id)])
            subject.note("")
            let began = Clock.monotonicMilliseconds()
            let (verdict, detail) = outcome(check, Bench(subject))
            var message: [String: JSONValue] = [
                "end": .string(id), "result": .string(verdict.rawValue), "detail": .string(detail),
                "milliseconds": .number(JSONNumber(Clock.monotonicMilliseconds() - began)),
            ]
            if case .success(let image) = subject.loadedImage {
                message["type"] = .string(image.type)
                message["version"] = .string(image.version)
                message["abi"] = .string("\(image.abiMajor).\(image.abiMinor)")
            }
            tell(message)
        }
        _exit(0)
    }

    private static func outcome(_ check: Check, _ bench: Bench) -> (CheckResult.Verdict, String) {
        do {
            return (.pass, try check.run(bench))
        } catch CheckStop.failed(let text) {
            return (.fail, text)
        } catch CheckStop.skipped(let text) {
            return (.skip, text)
        } catch {
            return (.fail, "\(error)")
        }
    }

    private static func tell(_ message: [String: JSONValue]) {
        let line = JSONValue.object(message).bytes + [0x0A]
        var sent = 0
        while sent < line.count {
            let count = line.withUnsafeBytes { write(descriptor, $0.baseAddress.map { $0 + sent }, line.count - sent) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { _exit(3) }
            sent += count
        }
    }
}
