import DarisCore

/// The bounds of everything that a worker process may take or say.
enum WorkerLimits {
    /// How long a worker may take from its start until it is ready, if not told otherwise.
    static let start = Nanoseconds.seconds(Int64(120))
    /// How long a worker may take to end when it is told to; then it is killed.
    static let stop = Nanoseconds.seconds(Int64(2))
    /// How long a worker that is told to end waits for what its device still does.
    static let settling = Nanoseconds.seconds(Int64(1))
    /// How often an idle worker asks whether its device is still there.
    static let checkInterval = Nanoseconds.milliseconds(500)
    /// How long a worker waits for an MPS server that is not ready for it.
    static let patience = Duration.seconds(20)
    /// The starts in a minute before a context is given up for a pause.
    static let startsPerMinute = 5
    /// How long the first start again waits; each one within the same minute waits twice as long as the one before.
    static let firstDelay = Nanoseconds.milliseconds(20)
    /// How long the first pause of a context is that has been given up; each one after it is twice as long.
    static let firstPause = Nanoseconds.seconds(Int64(1))
    /// How long a pause may become.
    static let longestPause = Nanoseconds.seconds(Int64(300))
    /// The pauses in a row after which a context that must be given up once more counts as one that will not come back.
    static let pausesBeforeEnd = 4
    /// Between failing the launches on a lost context and looking for the next ones.
    static let failurePause = Nanoseconds.milliseconds(1)
    /// The largest message of a worker, in bytes: 16 MiB.
    static let messageBytes = 16 << 20
    /// The largest specification of a worker, in bytes: 256 MiB.
    static let specificationBytes = 256 << 20
    /// The most memory that a worker may share, in bytes: 1 TiB.
    static let sharedBytes = 1 << 40
    /// The most bytes that the strings of one tensor may have together, their lengths included: 1 MiB.
    static let stringBytes = 1 << 20
    /// The longest words for a failed stage, in bytes; the rest is cut off.
    static let errorBytes = 768
    /// The longest execution time or hand-over that is believed.
    static let longestTime = Nanoseconds.seconds(Int64(86_400))
}
