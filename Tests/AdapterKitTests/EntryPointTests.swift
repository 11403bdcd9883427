import FakeHost
import PluginAPI
import Testing

/// The table that the kit makes of an adapter, called as the host calls it.
@Suite struct EntryPointTests {
    private func table() throws -> nexus_adapter { try #require(adapterEntry(FakeHost.table, nil)).pointee }

    /// Creates an instance; gives the status and the message as well.
    private func create(
        _ options: String = ""
    ) throws -> (status: nexus_status, instance: UnsafeMutableRawPointer?, message: String) {
        let table = try table()
        var instance: UnsafeMutableRawPointer?
        let room = UnsafeMutableBufferPointer<CChar>.allocate(capacity: 256)
        defer { room.deallocate() }
        var message = nexus_message(ptr: room.baseAddress, capacity: room.count, length: 0)
        let status = lend("one") { name in
            lend(options) { options in
                var config = nexus_backend_config()
                config.struct_size = UInt32(MemoryLayout<nexus_backend_config>.size)
                config.name = name
                config.options = options
                return table.create(&config, FakeHost.table, FakeHost.callbacks, &instance, &message)
            }
        }
        let text = String(decoding: UnsafeRawBufferPointer(UnsafeBufferPointer(room))[..<message.length], as: UTF8.self)
        return (status, instance, text)
    }

    @Test func theTableSaysWhatTheAdapterSays() throws {
        let table = try table()

        #expect(table.abi_major == NEXUS_ABI_MAJOR && table.abi_minor == NEXUS_ABI_MINOR)
        #expect(table.struct_size == MemoryLayout<nexus_adapter>.size)
        #expect(table.type.text == "test" && table.display_name.text == "Test" && table.version.text == "1.2")
        #expect(
            (0..<table.default_url_count).compactMap { table.default_urls?[$0].text } == TestBackend.about.defaultURLs)
    }

    @Test func aHostThatIsTooSmallIsRefusedWithAReason() {
        var small = FakeHost.table.pointee
        small.struct_size = 8
        let room = UnsafeMutablePointer<CChar>.allocate(capacity: 256)
        defer { room.deallocate() }
        var message = nexus_message(ptr: room, capacity: 256, length: 0)

        #expect(adapterEntry(&small, &message) == nil)
        #expect(message.length > 0)
    }

    @Test func anInstanceProbesAndAnswers() throws {
        let table = try table()
        try FakeHost.run { host in
            let instance = try create().instance
            let probe = host.newTask()
            let exchange = host.newTask()

            table.probe(instance, probe)
            let status = lend("{}") { body in
                var request = nexus_request()
                request.struct_size = UInt32(MemoryLayout<nexus_request>.size)
                request.body = body
                return table.submit(instance, exchange, &request)
            }
            table.destroy(instance)

            #expect(status == NEXUS_OK && host.exchanges[exchange]?.text == "{}")
            #expect(host.health.map(\.server) == ["one"])
        }
    }

    @Test func aRefusedConfigurationLeavesNoInstanceAndSaysWhy() throws {
        let refused = try create(#"{"refuse":1}"#)

        #expect(refused.status == NEXUS_INVALID && refused.instance == nil)
        #expect(refused.message == "options.refuse: é not allowed")
    }

    @Test(arguments: ["[]", "{", "1"])
    func optionsThatAreNoObjectAreRefused(_ options: String) throws {
        #expect(try create(options).message == "options must be a JSON object")
    }

    @Test func theAdapterIsToldOfCancellations() throws {
        let table = try table()
        try FakeHost.run { host in
            let instance = try create().instance
            let task = host.newTask()

            table.cancel(instance, task)
            table.destroy(instance)

            #expect(TestBackend.cancelled.withLock { $0 } == [task])
        }
    }
}
