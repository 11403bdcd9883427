import PluginAPI
import Testing

@Suite struct RetryAfterTests {
    private func milliseconds(_ fields: [(name: String, value: String)]) -> UInt32 {
        lend(fields) { fields in
            var head = nexus_http_head()
            head.struct_size = UInt32(MemoryLayout<nexus_http_head>.size)
            head.status = 429
            head.headers = fields.baseAddress
            head.header_count = fields.count
            return RetryAfter.milliseconds(head)
        }
    }

    @Test(
        arguments: [
            ("7", 7000), ("0", 0), ("287441", 287_441_000), ("1.5", 1500), (" 3 ", 3000), ("-5", 0), ("soon", 0),
            ("", 0),
            ("99999999999999999999", UInt32.max), ("nan", 0), ("1e3", 0),
            ("Sun, 06 Nov 1994 08:50:07 GMT", 30_000), ("Sunday, 06-Nov-94 08:50:07 GMT", 30_000),
            ("Sun Nov  6 08:50:07 1994", 30_000), ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
            ("Mon, 07 Nov 1994 08:49:37 GMT", 86_400_000), ("Sun, 06 Nov 1994 25:50:07 GMT", 0),
        ] as [(String, UInt32)])
    func everyFormIsToTheSecond(_ value: String, _ expected: UInt32) {
        let date = (name: "Date", value: "Sun, 06 Nov 1994 08:49:37 GMT")

        #expect(milliseconds([date, (name: "Retry-After", value: value)]) == expected)
    }

    @Test func millisecondsAreMoreExactAndNothingIsNothing() {
        let seconds = (name: "retry-after", value: "2")

        #expect(milliseconds([seconds, (name: "retry-after-ms", value: "1500")]) == 1500)
        #expect(milliseconds([seconds, (name: "retry-after-ms", value: "12.2")]) == 13)
        #expect(milliseconds([seconds, (name: "retry-after-ms", value: "x")]) == 2000)
        #expect(milliseconds([]) == 0)
    }

    @Test func aDateWithoutTheServersClockIsComparedWithOurs() {
        #expect(milliseconds([(name: "retry-after", value: "Wed, 21 Oct 2099 07:28:00 GMT")]) > 0)
        #expect(milliseconds([(name: "retry-after", value: "Wed, 21 Oct 1999 07:28:00 GMT")]) == 0)
    }
}

@Suite struct HTTPDateTests {
    @Test(
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Tue, 29 Feb 2000 12:00:00 GMT", 951_825_600),
            ("Fri, 31 Dec 9999 23:59:60 GMT", 253_402_300_800), ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777), ("Friday, 06-Nov-26 08:49:37 GMT", 1_793_954_977),
            ("Sun, 06 Nov 1994 08:49:37 CET", nil), ("06 Nov 1994", nil), ("Sun, 06 Foo 1994 08:49:37 GMT", nil),
        ] as [(String, Int64?)])
    func threeFormsAreRead(_ text: String, _ seconds: Int64?) {
        #expect(HTTPDate.seconds(text, now: 1_764_000_000) == seconds)
    }
}
