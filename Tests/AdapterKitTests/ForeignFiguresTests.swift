import Testing

@Suite struct ForeignFiguresTests {
    private func value(_ text: String) throws -> JSONValue { try JSONValue.parse(text) }

    @Test func aCountIsAWholeNumberThatIsExactInEveryReader() throws {
        #expect(try value("0").count == 0 && value("7").count == 7 && value("1e3").count == 1000)
        #expect(try value("9007199254740992").count == 1 << 53)
        for text in ["9007199254740993", "-1", "0.5", "1e300", "\"7\"", "null", "true", "[7]"] {
            #expect(try value(text).count == nil, "\(text)")
        }
        #expect(try value("0").positiveCount == nil && value("7").positiveCount == 7)
    }

    @Test func aTimeIsWithinTheYearsThatHaveFourDigits() throws {
        #expect(try value("1767323045").unixSeconds == 1_767_323_045)
        for text in ["-1", "253402300800", "9223372036854775807", "1e300", "\"1\""] {
            #expect(try value(text).unixSeconds == nil, "\(text)")
        }
    }

    @Test func aDurationIsAboveZeroAndBelowAYear() throws {
        #expect(try value("1.5").microsecondsOfMilliseconds == 1500)
        for text in ["-1", "0", "1e300", "31536000000", "\"1\"", "null"] {
            #expect(try value(text).microsecondsOfMilliseconds == 0, "\(text)")
        }
    }

    @Test func sumsStopAtTheLargestNumber() {
        #expect(UInt64.saturatingSum(1, 2) == 3 && UInt64.saturatingSum(.max, .max) == .max)
    }
}
