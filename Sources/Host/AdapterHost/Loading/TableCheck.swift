import PluginAPI

/// The functions of an adapter's table.
///
/// Invariant behind the unchecked Sendable: the pointers are constants and live as long as the image, that is for ever.
package struct AdapterFunctions: @unchecked Sendable {
    package let table: UnsafePointer<nexus_adapter>
    package let create:
        @convention(c) (
            UnsafePointer<nexus_backend_config>?, UnsafePointer<nexus_host>?, UnsafePointer<nexus_callbacks>?,
            UnsafeMutablePointer<UnsafeMutableRawPointer?>?, UnsafeMutablePointer<nexus_message>?
        ) -> nexus_status
    package let destroy: @convention(c) (UnsafeMutableRawPointer?) -> Void
    package let probe: @convention(c) (UnsafeMutableRawPointer?, nexus_task) -> Void
    package let submit:
        @convention(c) (UnsafeMutableRawPointer?, nexus_task, UnsafePointer<nexus_request>?) -> nexus_status
    package let cancel: (@convention(c) (UnsafeMutableRawPointer?, nexus_task) -> Void)?
    package let `extension`: (@convention(c) (UnsafePointer<CChar>?) -> UnsafeRawPointer?)?
}

/// Reads a table that an adapter returned, no further than its `struct_size`, and checks what can be checked.
enum TableCheck {
    static let typeLimit = 64
    static let textLimit = 256
    static let schemaLimit = Int(NEXUS_LIMIT_SCHEMA)
    static let urlLimit = 16

    struct Checked {
        let type: String
        let displayName: String
        let version: String
        let optionsSchema: String
        let defaultURLs: [String]
        let functions: AdapterFunctions
    }

    static func check(_ pointer: UnsafePointer<nexus_adapter>) throws(LoadProblem) -> Checked {
        guard let table = read(pointer) else {
            throw .badTable(
                "struct_size is \(pointer.pointee.struct_size), at least \(Versioned.Minimum.adapter) and at most "
                    + "\(Versioned.maximum) is expected")
        }
        guard let create = table.create else { throw .badTable("create is NULL") }
        guard let destroy = table.destroy else { throw .badTable("destroy is NULL") }
        guard let probe = table.probe else { throw .badTable("probe is NULL") }
        guard let submit = table.submit else { throw .badTable("submit is NULL") }
        let type = BorrowedText.string(table.type, limit: typeLimit)
        guard isTypeName(type) else {
            throw .badTable("type \"\(type)\" must match [a-z][a-z0-9_-]*, at most \(typeLimit) characters")
        }
        guard table.kinds != 0 else { throw .badTable("kinds is empty: the adapter would answer nothing") }
        var urls: [String] = []
        if let first = table.default_urls {
            for index in 0..<max(0, min(table.default_url_count, urlLimit)) {
                urls.append(BorrowedText.string(first[index], limit: textLimit))
            }
        }
        let displayName = BorrowedText.line(table.display_name, limit: textLimit)
        return Checked(
            type: type, displayName: displayName.isEmpty ? type : displayName,
            version: BorrowedText.line(table.version, limit: textLimit),
            optionsSchema: BorrowedText.string(table.options_schema, limit: schemaLimit), defaultURLs: urls,
            functions: AdapterFunctions(
                table: pointer, create: create, destroy: destroy, probe: probe, submit: submit, cancel: table.cancel,
                extension: table.extension))
    }

    /// What the adapter's `struct_size` covers; nil if that is absurd.
    static func read(_ pointer: UnsafePointer<nexus_adapter>) -> nexus_adapter? {
        Versioned.read(pointer, minimum: Versioned.Minimum.adapter, sizeAt: Versioned.tableSizeAt)
    }

    private static func isTypeName(_ text: String) -> Bool {
        guard let first = text.utf8.first, (0x61...0x7A).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x2D
        }
    }
}
