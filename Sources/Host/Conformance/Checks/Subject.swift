import AdapterHost
import Core
import Glibc
import JSON
import PluginAPI
import Synchronization

/// The adapter under check in this process. It is loaded once, when a check first asks for it, and what that did to the
/// process is kept.
final class Subject {
    /// What is checked, and how.
    struct Plan: Equatable {
        var path: String
        /// Of the bytes that may be run; nil: whatever the file holds.
        var hash: ContentHash?
        /// The server's address that the adapter gets; nil: the adapter's first default.
        var url: String?
        /// JSON text of an object.
        var options = "{}"
        /// A file that says how the server answers; nil: the built-in server.
        var script: String?
    }

    struct Loading {
        var result: Result<AdapterImage, LoadProblem>
        var milliseconds: Int
        var threadsBefore: Int
        var threadsAfter: Int
        var output: String?
        var difference: String?
    }

    let plan: Plan
    let server: any ServerScript
    private let output: Output
    private var loaded: Loading?
    /// Told what is being done, so that somebody knows if it never ends. On any thread.
    var doing: @Sendable (String) -> Void = { _ in }
    private let done = Mutex("")

    init(_ plan: Plan, output: Output) throws {
        self.plan = plan
        self.output = output
        if let script = plan.script {
            server = try ScriptFile(FileContents.read(script))
        } else {
            server = BuiltInServer()
        }
    }

    var loading: Loading {
        if let loaded { return loaded }
        let before = ProcessState.now()
        let threads = ProcessState.threadCount
        let began = Clock.monotonicMilliseconds()
        output.clear()
        note("loading the file")
        let result = Result { () throws(LoadProblem) in
            try AdapterImage(path: plan.path, holding: plan.hash, host: ScriptedHost.table)
        }
        let loading = Loading(
            result: result, milliseconds: Int(Clock.monotonicMilliseconds() - began), threadsBefore: threads,
            threadsAfter: ProcessState.threadCount(expecting: threads), output: output.text,
            difference: before.difference(to: ProcessState.now()))
        loaded = loading
        return loading
    }

    /// Says what is done from here on. On any thread: exchanges run on several loops at once.
    func note(_ words: String) {
        let isNews = done.withLock { done in
            defer { done = words }
            return words != done
        }
        if isNews { doing(words) }
    }

    /// Nil: nothing was loaded yet.
    var loadedImage: Result<AdapterImage, LoadProblem>? { loaded?.result }

    func image() throws -> AdapterImage {
        do { return try loading.result.get() } catch {
            throw CheckStop.failed("the file cannot be loaded: it \(error)")
        }
    }

    /// What the adapter printed since `clearOutput`; nil: nothing.
    var printed: String? { output.text }
    func clearOutput() { output.clear() }

    /// Threads that are not the adapter's.
    var ownThreads: Int { loading.threadsBefore }
}

/// Standard output and error of this process, which go to one file.
struct Output {
    /// Descriptors whose files are looked at; both may be the same file.
    var descriptors: [CInt] = [STDOUT_FILENO, STDERR_FILENO]

    func clear() {
        fflush(nil)
        for descriptor in descriptors {
            ftruncate(descriptor, 0)
            lseek(descriptor, 0, SEEK_SET)
        }
    }

    /// The start of what was written; nil: nothing.
    var text: String? {
        fflush(nil)
        for descriptor in descriptors {
            var buffer = [UInt8](repeating: 0, count: 200)
            let count = pread(descriptor, &buffer, buffer.count, 0)
            if count > 0 { return String(decoding: buffer.prefix(count), as: UTF8.self) }
        }
        return nil
    }
}

enum FileContents {
    struct Unreadable: Error, CustomStringConvertible {
        let description: String
    }

    static func read(_ path: String) throws(Unreadable) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw Unreadable(description: String(cString: strerror(errno))) }
        defer { close(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(file, &buffer, buffer.count)
            guard count >= 0 else { throw Unreadable(description: String(cString: strerror(errno))) }
            if count == 0 { return bytes }
            bytes += buffer.prefix(count)
        }
    }
}
