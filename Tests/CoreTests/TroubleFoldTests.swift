import Testing

@testable import Core

private let second: UInt64 = 1_000_000_000
/// 2026-01-02, 05:00:00.
private let dawn = 1_767_330_000.0

/// Pictures of one gateway, a second apart or as said.
private struct Story {
    private(set) var fold = TroubleFold()
    private var at: UInt64 = 1000
    private var picture = TroublePicture(now: dawn, instant: 1000 * second)

    var items: [Trouble] { fold.list.items }
    var kinds: [Trouble.Kind] { items.map(\.kind) }
    func words(_ index: Int = 0) -> String {
        items.indices.contains(index) ? items[index].words(now: picture.now) : "nothing"
    }

    /// What stands in the picture from now on, looked at after a second.
    @discardableResult mutating func next(
        after seconds: UInt64 = 1, _ change: (inout TroublePicture) -> Void = { _ in }
    )
        -> Bool
    {
        at += seconds
        picture.instant = at * second
        picture.now = dawn + Double(at - 1000)
        change(&picture)
        return fold.take(picture)
    }

    /// A look each second.
    mutating func pass(_ seconds: Int, _ change: (inout TroublePicture) -> Void = { _ in }) {
        for _ in 0..<seconds { next(change) }
    }
}

private func box(
    _ status: BackendStatus, state: BackendState? = nil, _ reason: String = "", name: String = "box-2"
) -> TroublePicture.Backend {
    TroublePicture.Backend(
        id: name, name: name, status: status, state: state, statusSince: dawn + 3120, reason: reason)
}

@Suite struct TroubleOfBackendTests {
    @Test func whereAllIsWellThereIsNothing() {
        var story = Story()
        let isOther = story.next { $0.backends = [box(.healthy), box(.unknown), box(.draining)] }
        #expect(!isOther && story.items.isEmpty && !story.fold.list.isSerious)
    }

    @Test func aBackendThatIsDownIsToldAtOnceAndNoLongerThanItIs() {
        var story = Story()
        let begins = story.next { $0.backends = [box(.unhealthy, "connection refused")] }
        #expect(begins && story.kinds == [.down])
        #expect(story.words() == "box-2 is down since 05:52 UTC: connection refused")
        #expect(story.items.first?.link == "overview&backend=box-2" && story.items.first?.severity == .warning)
        let stays = story.next()
        #expect(!stays)
        let ends = story.next { $0.backends = [box(.healthy)] }
        #expect(ends && story.items.isEmpty)
    }

    @Test func itIsDownSinceItsProbesBeganToFail() {
        var story = Story()
        story.next {
            $0.backends = [box(.unhealthy, "gone")]
            $0.backends[0].failingSince = dawn + 3050
        }
        #expect(story.words() == "box-2 is down since 05:50 UTC: gone")
    }

    @Test func oneGoodProbeOfTwoDoesNotEraseTheReason() {
        var story = Story()
        story.next { $0.backends = [box(.unhealthy, "connection refused")] }
        story.next {
            $0.backends = [box(.unhealthy, state: .goingUp, "connection refused")]
            $0.backends[0].note = "1 of 2 probes in a row were well."
        }
        #expect(story.kinds == [.down])
        #expect(
            story.words()
                == "box-2 is down, and is coming back (1 of 2 probes in a row were well) since 05:52 UTC: connection refused"
        )
    }

    @Test func whatNoOtherCanServeIsCritical() {
        var story = Story()
        story.next {
            $0.backends = [box(.unhealthy), box(.unhealthy, name: "a")]
            $0.backends[0].isSole = true
        }
        #expect(story.items.map(\.severity) == [.critical, .warning] && story.items[0].backendID == "box-2")
    }

    @Test func oneThatServesWhileItsProbesFailIsToldAfterAWhile() {
        var story = Story()
        story.pass(10) { $0.backends = [box(.healthy, state: .goingDown, "no answer")] }
        #expect(story.items.isEmpty)
        story.next()
        #expect(story.kinds == [.goingDown] && story.words().contains("box-2 serves, and its probes fail"))
        story.next { $0.backends = [box(.healthy)] }
        #expect(story.items.isEmpty)
        // What was found before an interruption does not count.
        story.pass(9) { $0.backends = [box(.healthy, state: .goingDown, "no answer")] }
        story.next { $0.backends = [box(.healthy)] }
        story.pass(9) { $0.backends = [box(.healthy, state: .goingDown, "no answer")] }
        #expect(story.items.isEmpty)
    }

    @Test func anOpenBreakerSaysHowManyRequestsFailedAndWhy() {
        var story = Story()
        story.next {
            $0.backends = [box(.degraded)]
            $0.backends[0].breaker = BreakerGate.Reading(
                phase: .open(until: 1), cause: .rate(failures: 10, attempts: 10), message: "CUDA error", openings: 1,
                attempts: 0, failures: 0)
            $0.backends[0].failuresInARow = 30
            $0.backends[0].failuresSince = dawn + 3121
        }
        #expect(story.kinds == [.breakerOpen])
        #expect(story.words() == "30 of 30 requests to box-2 failed since 05:52 UTC: CUDA error")
        // Some went well.
        story.next {
            $0.backends[0].breaker?.cause = .rate(failures: 6, attempts: 10)
            $0.backends[0].failuresInARow = 4
        }
        #expect(
            story.words() == "6 of 10 requests to box-2 failed, and it is left alone where another can serve since "
                + "05:52 UTC: CUDA error")
        story.next {
            $0.backends = [box(.degraded, "The server answered neither requests nor a probe.")]
            $0.backends[0].breaker?.cause = .silent
        }
        #expect(story.words().contains("left alone") && story.words().contains("neither requests nor a probe"))
        story.next { $0.backends = [box(.healthy)] }
        #expect(story.items.isEmpty)
    }

    @Test func oneThatComesAndGoesIsToldUntilItHasBeenSteadyForAWhile() {
        var story = Story()
        story.next {
            $0.backends = [box(.healthy)]
            $0.backends[0].flaps = FlapCount.Recent(count: 2, first: 990 * second, last: 1000 * second)
        }
        #expect(story.items.isEmpty, "twice is not often")
        story.next {
            $0.backends[0].flaps = FlapCount.Recent(count: 3, first: 990 * second, last: 1001 * second)
        }
        #expect(
            story.kinds == [.flapping] && story.words() == "box-2 comes and goes: it failed 3 times since 04:59 UTC")
        // Of the three one is more than an hour ago.
        story.next(after: 800) {
            $0.backends[0].flaps = FlapCount.Recent(count: 2, first: 995 * second, last: 1001 * second)
        }
        #expect(story.kinds == [.flapping], "it is not known yet that it stays")
        story.next(after: 100)
        #expect(story.items.isEmpty)
    }

    @Test func aServerThatWantsToBeLeftAloneForLongIsGoodToKnow() {
        var story = Story()
        story.next {
            $0.backends = [box(.healthy)]
            $0.backends[0].rests = [TroublePicture.Rest(model: "m", since: $0.now, until: $0.now + 20)]
        }
        #expect(story.items.isEmpty, "a moment is no news")
        story.next { $0.backends[0].rests = [TroublePicture.Rest(model: "m", since: dawn, until: dawn + 120)] }
        #expect(story.kinds == [.resting] && story.items.first?.severity == .notice && !story.fold.list.isSerious)
        #expect(story.words() == "box-2 is left alone with m until 05:02 UTC, as it asked, since 05:00 UTC")
        story.next(after: 120)
        #expect(story.items.isEmpty)
    }

    @Test func aBackendThatIsOnItsWayOutHasNoTroubles() {
        var story = Story()
        story.next {
            $0.backends = [box(.draining, "gone")]
            $0.backends[0].flaps = FlapCount.Recent(count: 9, first: 1, last: 1000 * second)
        }
        #expect(story.items.isEmpty)
    }

    @Test func oneThatIsRemovedTakesItsTroublesAlong() {
        var story = Story()
        story.next { $0.backends = [box(.unhealthy)] }
        story.next { $0.backends = [] }
        #expect(story.items.isEmpty)
    }
}

@Suite struct TroubleOfRequestsTests {
    private func errors(_ failures: UInt64, of attempts: UInt64) -> TroublePicture.ModelErrors {
        TroublePicture.ModelErrors(
            backend: "box-2", model: "llama 3", attempts: attempts, failures: failures, message: "CUDA error")
    }

    @Test func manyErrorsBeginFewerLetItGoOnAndNoneEndIt() {
        var story = Story()
        story.pass(10) {
            $0.backends = [box(.healthy)]
            $0.errors = [errors(1, of: 10)]
        }
        #expect(story.items.isEmpty, "a tenth is not enough to begin")
        story.pass(4) { $0.errors = [errors(3, of: 10)] }
        #expect(story.kinds == [.errorRate] && story.items.first?.severity == .warning)
        #expect(
            story.words() == "3 of 10 requests a minute for llama 3 at box-2 have failed since 05:00 UTC: CUDA error")
        #expect(story.items.first?.link == "history?backend=box-2&model=llama%203&status=Error")
        story.pass(60) { $0.errors = [errors(1, of: 10)] }
        #expect(story.kinds == [.errorRate], "a tenth is enough to stay")
        story.pass(9) { $0.errors = [] }
        #expect(story.kinds == [.errorRate], "it may go on in a moment")
        story.pass(2)
        #expect(story.items.isEmpty)
    }

    @Test(arguments: [(4, 4), (8, 9)]) func fewRequestsSayNothing(failures: UInt64, attempts: UInt64) {
        var story = Story()
        story.pass(20) {
            $0.backends = [box(.healthy)]
            $0.errors = [errors(failures, of: attempts)]
        }
        #expect(story.items.isEmpty)
    }

    @Test func aFewOfWhichNotOneWentWellAreEnough() {
        var story = Story()
        story.pass(5) {
            $0.backends = [box(.healthy)]
            $0.errors = [errors(5, of: 5)]
        }
        #expect(story.kinds == [.errorRate] && story.items.first?.severity == .critical)
    }

    @Test func ofABackendThatIsDownOrLeftAloneOnlyThatIsSaid() {
        var story = Story()
        story.pass(5) {
            $0.backends = [box(.healthy)]
            $0.errors = [errors(10, of: 10)]
        }
        #expect(story.kinds == [.errorRate] && story.items.first?.severity == .critical)
        story.next { $0.backends = [box(.degraded)] }
        #expect(story.kinds == [.breakerOpen])
        story.next { $0.backends = [box(.unhealthy)] }
        #expect(story.kinds == [.down])
    }

    @Test func aFullQueueIsToldFromTheFirstRefusalUntilThereWasNoneForAWhile() {
        var story = Story()
        story.next { $0.queue = TroublePicture.Queue(waiting: 100, limit: 100) }
        #expect(story.kinds == [.queueFull] && story.words().contains("The queue is full"))
        story.next { $0.queue.refused = 1 }
        #expect(
            story.words()
                == "1 request was refused a place in the queue since 05:00 UTC: 100 wait, of 100 that may")
        story.next { $0.queue = TroublePicture.Queue(waiting: 0, limit: 100, refused: 3) }
        #expect(story.words().hasPrefix("3 requests were refused"))
        story.pass(9)
        #expect(story.kinds == [.queueFull])
        story.pass(20)
        #expect(story.items.isEmpty)
    }

    @Test func refusalsOfLongAgoAreOver() {
        var story = Story()
        story.next { $0.queue.refused = 5 }
        story.pass(30)
        story.next { $0.queue.refused = 6 }
        #expect(story.words().hasPrefix("1 request was refused"))
    }

    @Test func aQueueThatGrowsIsToldBeforeItIsFull() {
        var story = Story()
        for waiting in 0..<30 { story.next { $0.queue = TroublePicture.Queue(waiting: waiting, limit: 100) } }
        #expect(story.kinds == [.queueGrowing])
        #expect(story.words().contains("29 requests wait for a place") && story.words().contains("19 waited ten"))
        // It grows no more, and is long still.
        story.pass(30)
        #expect(story.kinds == [.queueGrowing])
        story.pass(11) { $0.queue.waiting = 1 }
        #expect(story.items.isEmpty)
    }

    @Test func aShortQueueIsNoTrouble() {
        var story = Story()
        for waiting in [3, 0, 4, 1, 4, 2, 4, 4, 4, 4] {
            story.next { $0.queue = TroublePicture.Queue(waiting: waiting, limit: 100) }
        }
        #expect(story.items.isEmpty)
    }
}

@Suite struct TroubleOfTheGatewayTests {
    @Test func aReloadThatFailedIsToldUntilOneSucceeds() {
        var story = Story()
        story.next { $0.reload = TroublePicture.Reload(problem: "line 3: no such key", at: dawn + 60) }
        #expect(story.kinds == [.reloadFailed] && story.items.first?.link == "gateway")
        #expect(story.words().hasSuffix("failed at 05:01 UTC: line 3: no such key"))
        story.next { $0.reload = nil }
        #expect(story.items.isEmpty)
    }

    @Test func changesThatAreNotInForceAreTold() {
        var story = Story()
        story.next { $0.stateProblem = "nexus.toml.state.json cannot be read" }
        #expect(story.kinds == [.stateFile])
        story.next { $0.stateProblem = nil }
        #expect(story.items.isEmpty)
    }

    @Test func aCollectorThatIsAwayIsTold() {
        var story = Story()
        story.next { $0.collectorProblem = TroublePicture.Outage(reason: "connection refused", since: 1_780_000_000) }
        #expect(story.kinds == [.collector] && story.items.first?.severity == .notice)
        #expect(story.words().hasSuffix("connection refused"))
        story.next { $0.collectorProblem = nil }
        #expect(story.items.isEmpty)
    }

    @Test func littleMemoryBeginsHigherThanItEnds() {
        var story = Story()
        story.next { $0.memory = TroublePicture.Memory(used: 80 << 20, limit: 100 << 20) }
        #expect(story.items.isEmpty)
        story.next { $0.memory.used = 95 << 20 }
        #expect(story.kinds == [.memoryShort] && story.items.first?.severity == .warning)
        story.pass(60) { $0.memory.used = 80 << 20 }
        #expect(story.kinds == [.memoryShort])
        story.pass(11) { $0.memory.used = 10 << 20 }
        #expect(story.items.isEmpty)
        story.next { $0.memory.refused = 2 }
        #expect(
            story.items.first?.severity == .critical && story.words().contains("no memory for 2 requests or answers"))
        story.pass(50)
        #expect(story.items.isEmpty)
    }

    @Test func missingDescriptorsAreTold() {
        var story = Story()
        story.next { $0.lacksDescriptors = true }
        #expect(story.kinds == [.descriptorsShort] && story.words().contains("LimitNOFILE"))
        story.next { $0.lacksDescriptors = false }
        #expect(story.items.isEmpty)
    }

    @Test func anAdapterThatBreaksTheRulesIsToldForSomeMinutes() {
        var story = Story()
        let misuse = TroublePicture.Misuse(
            adapter: "openai", backend: "box-2", words: "a handle that has ended", count: 0)
        let stall = TroublePicture.Misuse(adapter: "ollama", backend: "b", words: "a stall", count: 2, threshold: 3)
        story.next { $0.misuse = [misuse, stall] }
        #expect(story.items.isEmpty)
        story.next { $0.misuse[0].count = 2 }
        #expect(story.kinds == [.adapterMisbehaving] && story.items.first?.severity == .notice)
        #expect(
            story.words()
                == "The adapter openai has broken the rules since 05:00 UTC: 2 times a handle that has ended (box-2)")
        story.pass(299)
        #expect(story.kinds == [.adapterMisbehaving])
        story.pass(2)
        #expect(story.items.isEmpty)
        story.next { $0.misuse[1].count = 5 }
        #expect(story.items.first?.subject == .adapter("ollama"))
    }

    @Test func anAdapterThatCannotReplaceTheOneBeforeIsTold() {
        var story = Story()
        story.next {
            $0.refusedFiles = [TroublePicture.RefusedFile(path: "/a/x.so", problem: "it is no shared object")]
        }
        #expect(story.kinds == [.adapterRefused] && story.words().contains("/a/x.so cannot be used since"))
        story.next { $0.refusedFiles = [] }
        #expect(story.items.isEmpty)
    }

    @Test(arguments: [
        (
            TroublePicture.RefusedFile.Reason.unlisted, Trouble.Kind.adapterRefused, Trouble.Severity.notice,
            "The adapter /a/x.so is not loaded since"
        ),
        (.otherBytes, .adapterRefused, .warning, "The adapter /a/x.so is not loaded since"),
        (.quarantine, .adapterQuarantined, .warning, "The adapter /a/x.so is left out since"),
    ])
    func anAdapterThatMayNotBeLoadedIsTold(
        _ reason: TroublePicture.RefusedFile.Reason, _ kind: Trouble.Kind, _ severity: Trouble.Severity, _ words: String
    ) {
        var story = Story()
        story.next {
            $0.refusedFiles = [
                TroublePicture.RefusedFile(path: "/a/x.so", problem: "it does this: do that", reason: reason)
            ]
        }
        #expect(story.kinds == [kind] && story.items.first?.severity == severity)
        #expect(story.words().hasPrefix(words) && story.words().hasSuffix("it does this: do that"))
    }
}

@Suite struct TroubleListTests {
    @Test func theWorstComesFirstAndTheOldestOfEquals() {
        var story = Story()
        story.next {
            $0.backends = ["c", "a", "b"].map { box(.unhealthy, name: $0) }
            $0.backends[1].statusSince = dawn
            $0.backends[2].isSole = true
            $0.reload = TroublePicture.Reload(problem: "x", at: dawn)
        }
        #expect(story.items.map(\.id) == ["down:b", "down:a", "down:c", "reload_failed"])
    }

    @Test func theListAndWhatIsRememberedAreBounded() {
        var story = Story()
        story.next { $0.backends = (0..<4096).map { box(.unhealthy, name: "b\($0)") } }
        #expect(story.items.count == TroubleList.limit)
        #expect(story.fold.list.total == TroubleFold.sightingLimit)
    }

    @Test func wordsFromOutsideAreOneLineInOneDirection() {
        var story = Story()
        story.next { $0.backends = [box(.unhealthy, "a\u{202E}b\nc\u{2066}d", name: "x\u{200F}y")] }
        #expect(story.words() == "xy is down since 05:52 UTC: ab cd")
        story.next { $0.backends = [box(.unhealthy, String(repeating: "e", count: 5000))] }
        #expect(story.words().utf8.count < 600)
    }

    @Test func whatBeganOnAnotherDayHasADate() {
        var story = Story()
        story.next {
            $0.backends = [box(.unhealthy)]
            $0.backends[0].statusSince = dawn - 86_400
        }
        #expect(story.words() == "box-2 is down since 2026-01-01 05:00 UTC")
    }

    @Test func namesInLinksAreEncoded() {
        var story = Story()
        story.next { $0.backends = [box(.unhealthy, name: "a&b=ä")] }
        #expect(story.items.first?.link == "overview&backend=a%26b%3D%C3%A4")
    }

    @Test func theJSONSaysAllThatThereIs() {
        var story = Story()
        story.next { $0.backends = [box(.unhealthy, "connection refused")] }
        let text = String(decoding: ContractEncoder.troubles(story.fold.list, now: dawn), as: UTF8.self)
        #expect(
            text
                == #"{"object":"list","checked_at":"2026-01-02T05:00:00Z","total":1,"omitted":0,"data":[{"id":"down:box-2","#
                + #""kind":"down","severity":"warning","subject":{"type":"backend","id":"box-2","name":"box-2"},"#
                + #""since":"2026-01-02T05:52:00Z","words":"box-2 is down since 05:52 UTC: connection refused","#
                + #""what":"box-2 is down","why":"connection refused","link":"overview&backend=box-2"}]}"#)
    }

    @Test func anUpdateFitsIntoOneMessageAndCountsWhatDoesNot() {
        var story = Story()
        story.next {
            $0.backends = (0..<200).map { box(.unhealthy, String(repeating: "\"", count: 3000), name: "b\($0)") }
        }
        let message = UpdateEncoder.troubleMessage(story.fold.list, now: dawn)
        let text = String(decoding: message, as: UTF8.self)
        #expect(
            message.count <= UpdateEncoder.messageLimit
                && text.hasPrefix(#"{"update_type":"Trouble","data":{"total":200,"#))
        let kept = text.split(separator: #""id":"down:"#).count - 1
        #expect(kept > 0 && text.contains("\"omitted\":\(200 - kept),"))
    }
}

@Suite struct TroubleOfCertificateTests {
    @Test func oneThatCannotBeTakenIsAWarningUntilItIs() {
        var story = Story()
        story.next { $0.certificate = TroublePicture.Certificate(expires: dawn + 1e6) }
        #expect(story.items.isEmpty)
        story.next {
            $0.certificate = TroublePicture.Certificate(expires: dawn + 1e6, problem: "half of it", since: dawn)
        }
        #expect(story.kinds == [.certificate] && story.items.first?.severity == .warning)
        #expect(story.words().hasSuffix("stays in use since 05:00 UTC: half of it"))
        story.next { $0.certificate = TroublePicture.Certificate(expires: dawn + 1e6) }
        #expect(story.items.isEmpty)
    }

    @Test func oneThatHasExpiredIsCritical() {
        var story = Story()
        story.next {
            $0.certificate = TroublePicture.Certificate(expires: dawn - 60, problem: "half of it", since: dawn)
        }
        #expect(story.kinds == [.certificate] && story.items.first?.severity == .critical)
        #expect(story.words().contains("certificate has expired since 04:59 UTC"))
    }
}
