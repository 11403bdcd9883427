import Glibc
import Synchronization

/// The terminal of this process as a screen to draw on: no echo, each key at once, the lines before untouched. Used on one thread.
final class RawTerminal {
    private let before: termios
    private var drawn: [String] = []
    private var drawnSize = (columns: 0, rows: 0)
    private var isRestored = false
    /// A signal wants the process to end.
    private static let ended = Atomic<Bool>(false)
    static var isEnded: Bool { ended.load(ordering: .relaxed) }

    /// Nil if input and output are no terminal that can be drawn on.
    init?() {
        var settings = termios()
        guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1, tcgetattr(STDIN_FILENO, &settings) == 0 else {
            return nil
        }
        before = settings
        cfmakeraw(&settings)
        // Once before a handler may use it.
        Self.ended.store(false, ordering: .relaxed)
        for number in [SIGTERM, SIGHUP, SIGINT] {
            signal(number) { _ in RawTerminal.ended.store(true, ordering: .relaxed) }
        }
        guard tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) == 0 else { return nil }
        // The other screen (xterm, 1049), without a cursor.
        write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J")
    }

    /// As it was before. May be called twice.
    func restore() {
        guard !isRestored else { return }
        isRestored = true
        write("\u{1B}[0m\u{1B}[?25h\u{1B}[?1049l")
        var settings = before
        _ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
    }

    var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Writes the lines that have changed.
    func draw(_ lines: [String]) {
        let size = size
        if size != drawnSize {
            drawn = []
            write("\u{1B}[2J")
        }
        var text = ""
        for (index, line) in lines.enumerated() where index >= drawn.count || drawn[index] != line {
            text += "\u{1B}[\(index + 1);1H\(line)\u{1B}[0m\u{1B}[K"
        }
        if lines.count < drawn.count { text += "\u{1B}[\(lines.count + 1);1H\u{1B}[J" }
        (drawn, drawnSize) = (lines, size)
        write(text)
    }

    /// Bytes of the keys that were struck, or none after so many milliseconds. That the terminal is gone ends the process's work.
    func keys(within milliseconds: CInt) -> [UInt8] {
        var descriptor = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        guard poll(&descriptor, 1, milliseconds) > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = read(STDIN_FILENO, &bytes, bytes.count)
        if count == 0 || count < 0 && errno != EINTR && errno != EAGAIN { Self.ended.store(true, ordering: .relaxed) }
        return Array(bytes.prefix(max(0, count)))
    }

    private func write(_ text: String) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                Self.ended.store(true, ordering: .relaxed)
                return
            }
            rest = rest.dropFirst(count)
        }
    }
}
