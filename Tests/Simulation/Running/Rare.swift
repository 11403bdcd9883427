/// What should happen in some run: a simulation that never gets there proves little about it.
public enum Rare: String, CaseIterable, Sendable {
    case retried, retriedAfterComment, brokenOff, aborted, refusedBusy, refusedTimeout, refusedUnavailable
    case vanishedBefore, vanishedInAnswer, halfClosed, toldToContinue
    case clientWasFull, serverWasPaused, connectionReused, idleConnectionHadGone
    case becameUnhealthy, becameHealthy, placeRefused
    case drainedWithExchanges, stoppedWithExchanges, connectionRefusedWhileDraining, workedElsewhere
}
