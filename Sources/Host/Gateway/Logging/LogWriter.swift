import AdapterHost
import Dispatch
import Glibc
import Synchronization

/// Writes lines to a descriptor on a thread of its own, so that a reader which stops (journald, a pager) holds up nothing else.
/// What does not fit into the queue is dropped, counted, and told as soon as the reader goes on.
final class LogWriter: Sendable {
    enum Limits {
        /// Lines and bytes that wait to be written.
        static let lines = 8192
        static let bytes = 4 * 1024 * 1024
    }

    private let descriptor: CInt
    private let lossLine: @Sendable (UInt64) -> [UInt8]
    private let queue = Mutex(LineQueue(lines: Limits.lines, bytes: Limits.bytes))
    private let something = DispatchSemaphore(value: 0)
    private let isStarted = Atomic<Bool>(false)
    private let droppedTotal = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - descriptor: to write to; stays the caller's.
    ///   - lossLine: the line, with its line feed, that says how many were dropped.
    init(descriptor: CInt, lossLine: @escaping @Sendable (UInt64) -> [UInt8]) {
        self.descriptor = descriptor
        self.lossLine = lossLine
    }

    /// Lines that were dropped since the start.
    var dropped: UInt64 { droppedTotal.load(ordering: .relaxed) }

    /// Takes a line with its line feed. Returns at once. On any thread.
    func write(_ line: [UInt8]) {
        startOnce()
        let (taken, wasEmpty) = queue.withLock { queue in
            let wasEmpty = queue.isEmpty
            return (queue.push(line), wasEmpty)
        }
        if !taken { droppedTotal.add(1, ordering: .relaxed) }
        if taken, wasEmpty { something.signal() }
    }

    /// Lines are missing that were dropped before they were made. On any thread.
    func lost(_ count: UInt64) {
        droppedTotal.add(count, ordering: .relaxed)
        queue.withLock { $0.lost(count) }
    }

    /// Waits until everything is written, but no longer than that. For the end of the process.
    func flush(milliseconds: Int) {
        var waited = 0
        while waited < milliseconds, !queue.withLock({ $0.isIdle }) {
            poll(nil, 0, 5)
            waited += 5
        }
    }

    /// If the system has no thread left the lines wait, and the next line tries again.
    private func startOnce() {
        guard !isStarted.load(ordering: .acquiring),
            isStarted.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged
        else { return }
        if !DetachedThread.start("nexus-log", { [self] in run() }) { isStarted.store(false, ordering: .releasing) }
    }

    private func run() {
        while true {
            guard let batch = queue.withLock({ $0.take() }) else {
                something.wait()
                continue
            }
            writeAll(batch.bytes)
            if batch.dropped > 0 { writeAll(lossLine(batch.dropped)) }
            queue.withLock { $0.written() }
        }
    }

    /// Blocks while the reader takes nothing; that is what the thread is for.
    private func writeAll(_ bytes: [UInt8]) {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                // Nobody reads any more, and there is nowhere to say so.
                return
            }
        }
    }
}

/// The lines that wait to be written: bounded in number and in bytes. Pure.
struct LineQueue: Sendable {
    private let lineLimit: Int
    private let byteLimit: Int
    private var bytes: [UInt8] = []
    private var lines = 0
    private var dropped: UInt64 = 0
    private var isWriting = false

    init(lines: Int, bytes: Int) {
        lineLimit = lines
        byteLimit = bytes
    }

    var isEmpty: Bool { lines == 0 }
    /// Nothing waits, and nothing is being written.
    var isIdle: Bool { lines == 0 && !isWriting }

    /// False if there is no room.
    mutating func push(_ line: [UInt8]) -> Bool {
        guard lines < lineLimit, bytes.count + line.count <= byteLimit else {
            dropped &+= 1
            return false
        }
        bytes += line
        lines += 1
        return true
    }

    /// Lines are missing that never came here.
    mutating func lost(_ count: UInt64) { dropped &+= count }

    /// All that waits, and how many lines found no room meanwhile; nil: nothing. `written` must follow.
    mutating func take() -> (bytes: [UInt8], dropped: UInt64)? {
        guard lines > 0 else { return nil }
        defer {
            bytes = []
            lines = 0
            dropped = 0
            isWriting = true
        }
        return (bytes, dropped)
    }

    mutating func written() { isWriting = false }
}
