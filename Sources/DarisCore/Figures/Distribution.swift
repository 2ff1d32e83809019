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

/// How many times fell into each of a fixed number of buckets whose bounds go 1, 2.5, 5, 10 …: what monitoring systems
/// add up over machines and take rates of. It lies in place, so that copying it allocates nothing.
///
/// ```swift
/// var times = TimeBuckets(unit: .microseconds(100))
/// times.record(.milliseconds(3))
/// times.cumulative  // [0, 0, 0, 0, 0, 1, 1, …]: at most 100 µs, 250 µs, 500 µs, 1 ms, 2.5 ms, 5 ms, …
/// ```
package struct TimeBuckets: Sendable {
    /// How many bounds there are; beyond the last one is one more bucket.
    package static let boundCount = 16

    /// The first bound.
    package let unit: Nanoseconds
    /// How many times were recorded.
    package private(set) var count = 0
    /// Their sum.
    package private(set) var sum = Nanoseconds.zero
    private var counts = InlineArray<17, Int>(repeating: 0)

    /// Empty buckets, from `unit` to 100,000 times that.
    package init(unit: Nanoseconds) {
        precondition(unit > .zero && unit <= .seconds(Int64(1)), "the first bound is above zero and at most a second")
        self.unit = unit
    }

    /// Takes in a time; one below zero counts as zero.
    package mutating func record(_ time: Nanoseconds) {
        let time = max(time, .zero)
        count += 1
        sum = sum.addingSaturating(time)
        // In halves of the bound, so that 2.5 is whole.
        let twice = 2 * min(time.rawValue, .max / 2)
        var (index, halves) = (0, 2 * unit.rawValue)
        while index < Self.boundCount, twice > halves {
            halves = index % 3 == 0 ? halves / 2 * 5 : halves * 2
            index += 1
        }
        counts[index] += 1
    }

    /// The longest time that counts for bucket `index`.
    package func bound(_ index: Int) -> Nanoseconds {
        var halves = unit.rawValue * (index % 3 == 0 ? 2 : index % 3 == 1 ? 5 : 10)
        for _ in 0..<index / 3 { halves *= 10 }
        return Nanoseconds(halves / 2)
    }

    /// All bounds, ascending.
    package var bounds: [Nanoseconds] { (0..<Self.boundCount).map(bound) }

    /// The times recorded up to each bound. Those beyond the last are in `count` alone.
    package var cumulative: [Int] {
        var total = 0
        return (0..<Self.boundCount).map { index in
            total += counts[index]
            return total
        }
    }
}
