import Glibc
import Testing

@testable import Service

@Suite struct NotifyAddressTests {
    @Test func aPathIsTakenAsItIs() {
        #expect(NotifyAddress("/run/systemd/notify")?.bytes == Array("/run/systemd/notify".utf8))
    }

    @Test func aNameOfTheAbstractNamespaceBeginsWithNUL() {
        #expect(NotifyAddress("@manager")?.bytes == [0] + Array("manager".utf8))
    }

    @Test(arguments: ["", "/", "@", "relative/socket", "vsock:2:1234", "/with\0nul"])
    func whatIsNoUnixSocketIsNone(_ text: String) {
        #expect(NotifyAddress(text) == nil)
    }

    @Test func whatDoesNotFitTheSystemIsNone() {
        #expect(NotifyAddress("/" + String(repeating: "a", count: 106)) != nil)
        #expect(NotifyAddress("/" + String(repeating: "a", count: 107)) == nil)
        #expect(NotifyAddress("@" + String(repeating: "a", count: 107)) != nil)
        #expect(NotifyAddress("@" + String(repeating: "a", count: 108)) == nil)
    }
}

@Suite struct ServiceNoticeTests {
    @Test func readinessComesWithAStatus() {
        #expect(ServiceNotice.ready("all is well").text == "READY=1\nSTATUS=all is well\n")
    }

    @Test func aReloadTellsWhenItBegan() {
        #expect(ServiceNotice.reloading(since: 4711).text == "RELOADING=1\nMONOTONIC_USEC=4711\n")
    }

    @Test func theEndAsksForTheTimeThatItMayTake() {
        let text = ServiceNotice.stopping("waiting", within: 35_000_000).text
        #expect(text == "STOPPING=1\nEXTEND_TIMEOUT_USEC=35000000\nSTATUS=waiting\n")
    }

    @Test func aStatusIsOneLineWhateverItHolds() {
        #expect(ServiceNotice.status("a\nREADY=1\r\u{85}b").text == "STATUS=a READY=1  b\n")
    }

    @Test func aStatusIsCutBetweenCharacters() {
        let text = ServiceNotice.status(String(repeating: "é", count: 1000)).text
        #expect(text.utf8.count <= ServiceNotice.statusLimit + "STATUS=\n".utf8.count)
        #expect(text.hasSuffix("é\n"))
    }

    @Test func whatIsKeptHasAName() {
        #expect(ServiceNotice.keep("nexus-listener").text == "FDSTORE=1\nFDNAME=nexus-listener\nFDPOLL=0\n")
        #expect(ServiceNotice.forget("nexus-listener").text == "FDSTOREREMOVE=1\nFDNAME=nexus-listener\n")
    }
}

@Suite struct GivenSocketsTests {
    private let own: [String: String] = ["LISTEN_PID": "100", "LISTEN_FDS": "2"]

    @Test func socketsFollowTheStandardDescriptors() throws {
        let given = try GivenSockets.read(own, process: 100)
        #expect(given.map(\.descriptor) == [3, 4])
        #expect(given.map(\.name) == ["unknown", "unknown"])
    }

    @Test func namesStandInTheOrderOfTheSockets() throws {
        let given = try GivenSockets.read(own.merging(["LISTEN_FDNAMES": "http:https"]) { $1 }, process: 100)
        #expect(given.map(\.name) == ["http", "https"])
    }

    @Test func namesThatAreNotAsManyAsTheSocketsDoNotCount() throws {
        let given = try GivenSockets.read(own.merging(["LISTEN_FDNAMES": "http"]) { $1 }, process: 100)
        #expect(given.map(\.name) == ["unknown", "unknown"])
    }

    @Test func whatIsForAnotherProcessIsLeftAlone() throws {
        #expect(try GivenSockets.read(own, process: 101).isEmpty)
    }

    @Test func withoutVariablesNothingIsGiven() throws {
        #expect(try GivenSockets.read([:], process: 100).isEmpty)
        #expect(try GivenSockets.read(["LISTEN_PID": "100", "LISTEN_FDS": "0"], process: 100).isEmpty)
    }

    @Test(arguments: [
        ["LISTEN_FDS": "1"], ["LISTEN_FDS": "1", "LISTEN_PID": "me"], ["LISTEN_FDS": "one", "LISTEN_PID": "100"],
        ["LISTEN_FDS": "-1", "LISTEN_PID": "100"], ["LISTEN_FDS": "65", "LISTEN_PID": "100"],
    ])
    func nonsenseIsRefusedInWords(_ variables: [String: String]) {
        #expect(throws: ServiceProblem.self) { try GivenSockets.read(variables, process: 100) }
    }
}

@Suite struct WatchdogTermsTests {
    @Test func theIntervalIsToldInMicroseconds() throws {
        let terms = try WatchdogTerms.read(["WATCHDOG_USEC": "30000000"], process: 100)
        #expect(terms?.nanoseconds == 30_000_000_000)
        #expect(terms?.patience == 15_000_000_000)
    }

    @Test func aLoopBeatsMoreOftenThanItIsLookedAtAndIsLookedAtMoreOftenThanItsPatience() {
        let terms = WatchdogTerms(nanoseconds: 1000)
        #expect(terms.beat < terms.look && terms.look < terms.patience && terms.patience < terms.nanoseconds)
    }

    @Test func whatIsForAnotherProcessIsNotMeant() throws {
        #expect(try WatchdogTerms.read(["WATCHDOG_USEC": "5", "WATCHDOG_PID": "7"], process: 100) == nil)
        #expect(try WatchdogTerms.read(["WATCHDOG_USEC": "5", "WATCHDOG_PID": "100"], process: 100) != nil)
    }

    @Test(arguments: ["0", "-1", "soon", "99999999999999999999", "18446744073709551615"])
    func nonsenseIsRefusedInWords(_ text: String) {
        #expect(throws: ServiceProblem.self) { try WatchdogTerms.read(["WATCHDOG_USEC": text], process: 1) }
    }
}

@Suite struct ServiceTermsTests {
    @Test func whatIsWrongIsSaidAllAtOnce() {
        let terms = ServiceTerms(
            ["NOTIFY_SOCKET": "here", "WATCHDOG_USEC": "x", "LISTEN_FDS": "1"], process: 1)
        #expect(terms.problems.count == 3)
        #expect(terms.notify == nil && terms.watchdog == nil && terms.sockets.isEmpty)
    }

    @Test func nothingOfItIsLeftForProcessesThatAreStartedFromHere() {
        for name in ServiceTerms.variables { setenv(name, "1", 1) }
        setenv("NOTIFY_SOCKET", "@somewhere", 1)
        setenv("LISTEN_PID", "1", 1)

        let terms = ServiceTerms.take()

        #expect(terms.notify == NotifyAddress("@somewhere"))
        for name in ServiceTerms.variables { #expect(getenv(name) == nil) }
    }
}

@Suite struct ReloadTurnsTests {
    @Test func reloadsThatOverlapAreOneToTheManager() {
        var turns = ReloadTurns()
        let told = [turns.begin(), turns.begin(), turns.end(), turns.end(), turns.begin()]
        #expect(told == [true, false, false, true, true])
    }
}
