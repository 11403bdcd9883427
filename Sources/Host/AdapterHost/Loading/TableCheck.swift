import ABIRules
import PluginAPI

/// The functions of an adapter's table.
///
/// Invariant behind the unchecked Sendable: the pointers are constants, and the image they point into is never unloaded.
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

/// Reads the table that an adapter returned, no further than its `struct_size`, and checks it.
enum TableCheck {
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
        let type = BorrowedText.string(table.type, limit: ABILimits.type)
        guard TextRules.isType(type) else {
            throw .badTable("type \"\(type)\" must match [a-z][a-z0-9_-]*, at most \(ABILimits.type) characters")
        }
        guard table.kinds != 0 else { throw .badTable("kinds is empty: the adapter would answer nothing") }
        var urls: [String] = []
        if let first = table.default_urls {
            for index in 0..<max(0, min(table.default_url_count, ABILimits.defaultURLs)) {
                urls.append(BorrowedText.string(first[index], limit: ABILimits.url))
            }
        }
        let displayName = BorrowedText.line(table.display_name, limit: ABILimits.name)
        return Checked(
            type: type, displayName: displayName.isEmpty ? type : displayName,
            version: BorrowedText.line(table.version, limit: ABILimits.name),
            optionsSchema: BorrowedText.string(table.options_schema, limit: ABILimits.schema), defaultURLs: urls,
            functions: AdapterFunctions(
                table: pointer, create: create, destroy: destroy, probe: probe, submit: submit, cancel: table.cancel,
                extension: table.extension))
    }

    /// The part that the adapter's `struct_size` covers; nil if that size is impossible.
    static func read(_ pointer: UnsafePointer<nexus_adapter>) -> nexus_adapter? {
        Versioned.read(pointer, minimum: Versioned.Minimum.adapter, sizeAt: Versioned.tableSizeAt)
    }
}
