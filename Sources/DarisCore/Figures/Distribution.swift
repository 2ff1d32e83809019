import Histogram

/// A distribution of times: exact count, mean and maximum; percentiles to about 1 % (HdrHistogram), and buckets for
/// monitoring. Its 20 KB or so are allocated with the first time recorded and nothing after that, so that many empty
/// ones cost little.
package struct Distribution: Sendable {
    private var histogram: Histogram<UInt32>?
    private let resolution: Nanoseconds
    private var sum = 0.0
    /// How many times were recorded.
    package var count: Int { buckets.count }
    /// The same times in buckets that begin at a hundred times the resolution.
    package private(set) var buckets: TimeBuckets
    /// The longest time recorded.
    package private(set) var maximum = Nanoseconds.zero

    /// An empty distribution that tells times apart from `resolution` up to a day.
    package init(resolution: Nanoseconds = .microseconds(1)) {
        self.resolution = resolution
        buckets = TimeBuckets(unit: Nanoseconds(max(1, resolution.rawValue) * 100))
    }

    /// Takes in a time; one below zero counts as zero, one beyond two days as two days.
    package mutating func record(_ time: Nanoseconds) {
        let time = max(time, .zero)
        sum += Double(time.rawValue)
        if time > maximum { maximum = time }
        buckets.record(time)
        if histogram == nil {
            histogram = Histogram(
                lowestDiscernibleValue: UInt64(max(1, resolution.rawValue)), highestTrackableValue: Self.longest,
                numberOfSignificantValueDigits: .two)
        }
        histogram?.record(min(UInt64(time.rawValue), Self.longest))
    }

    private static let longest = UInt64(SchedulerConfiguration.longestTime.rawValue) * 2

    /// The mean; zero of nothing.
    package var mean: Nanoseconds { count == 0 ? .zero : Nanoseconds(Int64(sum / Double(count))) }

    /// The time that `percent` % of the recorded times do not exceed; zero of nothing.
    package func percentile(_ percent: Double) -> Nanoseconds {
        histogram.map { min(maximum, Nanoseconds(Int64($0.valueAtPercentile(percent)))) } ?? .zero
    }
}
