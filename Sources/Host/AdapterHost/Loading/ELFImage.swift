/// What the bytes of a shared object say about it, before any of its code runs. Every access is bounds-checked:
/// the bytes are not trusted. Layouts: System V ABI, chapter 4 ("Object Files"), 64-bit classes.
package struct ELFImage {
    package enum Failure: Error, Equatable, CustomStringConvertible {
        case notELF
        case not64Bit
        case otherMachine(UInt16)
        case notSharedObject
        case truncated

        package var description: String {
            switch self {
            case .notELF: "it is not an ELF file"
            case .not64Bit: "it is not a 64-bit ELF file"
            case .otherMachine(let machine): "it was built for another kind of machine (ELF number \(machine))"
            case .notSharedObject: "it is not a shared object; link it with -shared"
            case .truncated: "it is truncated or damaged"
            }
        }
    }

    private let bytes: [UInt8]

    private static let sharedObject: UInt64 = 3
    private static let dynamicSymbols: UInt64 = 11
    private static let allSymbols: UInt64 = 2
    private static let functionSymbol: UInt64 = 2
    private static let sectionHeaderSize = 64
    private static let symbolSize = 24
    #if arch(x86_64)
        private static let thisMachine: UInt64 = 62
    #elseif arch(arm64)
        private static let thisMachine: UInt64 = 183
    #endif

    package init(_ bytes: [UInt8]) throws(Failure) {
        self.bytes = bytes
        guard bytes.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { throw .notELF }
        guard bytes.count >= 64 else { throw .truncated }
        guard bytes[4] == 2, bytes[5] == 1 else { throw .not64Bit }
        let machine = try read(18, 2)
        guard machine == Self.thisMachine else { throw .otherMachine(UInt16(truncatingIfNeeded: machine)) }
        guard try read(16, 2) == Self.sharedObject else { throw .notSharedObject }
        let tableEnd = try read(40, 8).addingReportingOverflow(read(60, 2) * UInt64(Self.sectionHeaderSize))
        guard !tableEnd.overflow, tableEnd.partialValue <= UInt64(bytes.count) else { throw .truncated }
    }

    /// Names of the functions and objects the image defines for others. Nil if it has no section headers to tell.
    package func exportedSymbols() throws(Failure) -> [String]? {
        let table = Int(try read(40, 8))
        let count = Int(try read(60, 2))
        guard table > 0, count > 0 else { return nil }
        for index in 0..<count {
            let header = table + index * Self.sectionHeaderSize
            guard try read(header + 4, 4) == Self.dynamicSymbols else { continue }
            let offset = try read(header + 24, 8)
            let size = try read(header + 32, 8)
            let strings = table + Int(try read(header + 40, 4)) * Self.sectionHeaderSize
            let names = try read(strings + 24, 8)
            guard offset <= UInt64(bytes.count), size <= UInt64(bytes.count) - offset, names < UInt64(bytes.count)
            else {
                throw .truncated
            }
            return try symbols(at: Int(offset), count: Int(size) / Self.symbolSize, names: Int(names))
        }
        return nil
    }

    /// The function that holds a place of the image, with how far behind its start that is: also one that is not exported, unless
    /// the file was stripped. Nil: the file does not tell.
    package func function(at place: UInt64) -> (name: String, offset: UInt64)? {
        (try? function(at: place, of: Self.allSymbols)) ?? (try? function(at: place, of: Self.dynamicSymbols))
    }

    private func function(at place: UInt64, of kind: UInt64) throws(Failure) -> (name: String, offset: UInt64)? {
        let table = Int(clamping: try read(40, 8))
        for index in 0..<Int(try read(60, 2)) {
            let header = table + index * Self.sectionHeaderSize
            guard try read(header + 4, 4) == kind else { continue }
            let (start, size) = (Int(clamping: try read(header + 24, 8)), Int(clamping: try read(header + 32, 8)))
            let strings = table + Int(try read(header + 40, 4)) * Self.sectionHeaderSize
            let names = Int(clamping: try read(strings + 24, 8))
            guard start <= bytes.count, size <= bytes.count - start, names < bytes.count else { throw .truncated }
            for entry in stride(from: start, to: start + size - Self.symbolSize + 1, by: Self.symbolSize) {
                guard try read(entry + 4, 1) & 0xF == Self.functionSymbol else { continue }
                let (first, length) = (try read(entry + 8, 8), try read(entry + 16, 8))
                guard place >= first, place - first < max(length, 1) else { continue }
                return (string(at: names + Int(try read(entry, 4))), place - first)
            }
        }
        return nil
    }

    private func symbols(at offset: Int, count: Int, names: Int) throws(Failure) -> [String] {
        var result: [String] = []
        for index in 0..<count {
            let entry = offset + index * Self.symbolSize
            let isGlobal = try read(entry + 4, 1) >> 4 >= 1
            let isDefined = try read(entry + 6, 2) != 0
            if isGlobal, isDefined { result.append(string(at: names + Int(try read(entry, 4)))) }
        }
        return result
    }

    private func string(at start: Int) -> String {
        guard start < bytes.count else { return "" }
        return String(decoding: bytes[start...].prefix { $0 != 0 }.prefix(1024), as: UTF8.self)
    }

    private func read(_ offset: Int, _ size: Int) throws(Failure) -> UInt64 {
        guard offset >= 0, offset <= bytes.count - size else { throw .truncated }
        return (0..<size).reduce(0) { $0 | UInt64(bytes[offset + $1]) << UInt64(8 * $1) }
    }
}
