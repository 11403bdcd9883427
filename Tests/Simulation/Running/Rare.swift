/// What should happen in some run: a simulation that never gets there proves little about it.
public enum Rare: String, CaseIterable, Sendable {
    case retried, retriedAfterComment, brokenOff, aborted, refusedBusy, refusedTimeout, refusedUnavailable
    case vanishedBefore, vanishedInAnswer, halfClosed, toldToContinue
    case clientWasFull, serverWasPaused, connectionReused
    case becameUnhealthy, becameHealthy, placeRefused
    case becameDegraded, servesAgain, halfOpen, retryRefused, wentSilent
    case drainedWithExchanges, stoppedWithExchanges, connectionRefusedWhileDraining, workedElsewhere
    case translated, askedInOtherWords
    case overTLS, handshakeTimedOut, refusedForMemory, cutForMemory, shortageTold, pageShown
    case addedLater, addedWhileDraining, replacedInUse, reportedLate
    case subscriberWasFull, subscriberToldToGo, silentSubscriberDropped, goodbyeAnswered, garbageRefused, upgradeRefused
    case missedTold, removalTold
    case waited, retryWaited, turnTaken, roseInQueue, queueWasFull, shareWasFull, waitedTooLong, leftQueue, toldPlace
    case waitedForRestart, servedWhereRestartIsAwaited, placesAboveLimit
    case hedged, hedgeWon, hedgeLost
    case addedByCommand, setByCommand, enabledByCommand, drainedInUse, endedByCommand, commandRefused
    case triedNextModel, answeredByNextModel, sentWhereImagesAreSeen, sentWhereThereIsRoom, refusedForAbility
}

/// How often each of them happened in a run.
final class Rares {
    private(set) var counts = [Int](repeating: 0, count: Rare.allCases.count)

    func note(_ rare: Rare) {
        if let index = Rare.allCases.firstIndex(of: rare) { counts[index] += 1 }
    }
}
