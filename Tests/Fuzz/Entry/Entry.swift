import Fuzz
import Glibc

/// The parser that NEXUS_FUZZ names.
private let target: FuzzTarget = {
    let name = getenv("NEXUS_FUZZ").map { String(cString: $0) } ?? ""
    if let target = FuzzTarget.named(name) { return target }
    let names = FuzzTarget.all.map(\.name).joined(separator: " ")
    say("NEXUS_FUZZ must name a parser, one of: \(names)")
    exit(2)
}()

private func say(_ words: String) {
    let line = Array("fuzz: \(words)\n".utf8)
    _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
}

/// What libFuzzer calls with each input.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try target.check(Array(UnsafeBufferPointer(start: bytes, count: count)))
    } catch {
        say("\(target.name): \(error)")
        // libFuzzer keeps the input of whoever ends so.
        abort()
    }
    return 0
}
