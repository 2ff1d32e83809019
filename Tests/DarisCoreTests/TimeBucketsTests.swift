import Testing

@testable import DarisCore

@Suite("Buckets of times")
struct TimeBucketsTests {
    @Test("bounds go 1, 2.5, 5 and 10 times the unit, up to 100,000 times")
    func bounds() {
        let bounds = TimeBuckets(unit: .microseconds(100)).bounds.map(\.rawValue)
        #expect(bounds.count == TimeBuckets.boundCount)
        #expect(bounds.prefix(6) == [100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000])
        #expect(bounds.last == 10_000_000_000)
        // An odd unit has no half.
        #expect(TimeBuckets(unit: Nanoseconds(1)).bounds.prefix(4).map(\.rawValue) == [1, 2, 5, 10])
    }

    @Test("a time at a bound counts for it, one above for the next, one beyond all for the count alone")
    func edges() {
        var times = TimeBuckets(unit: .microseconds(100))
        let bounds = times.bounds
        for (index, bound) in bounds.enumerated() {
            var one = TimeBuckets(unit: .microseconds(100))
            one.record(bound)
            #expect(one.cumulative.firstIndex(of: 1) == index)
            var above = TimeBuckets(unit: .microseconds(100))
            above.record(bound + Nanoseconds(1))
            #expect(above.cumulative.firstIndex(of: 1) ?? bounds.count == index + 1)
        }
        for time in [.zero, Nanoseconds(-5), .microseconds(100), .seconds(Int64(11)), .distantFuture] as [Nanoseconds] {
            times.record(time)
        }
        #expect(times.count == 5 && times.cumulative.first == 3 && times.cumulative.last == 3)
    }

    @Test("a sum that no time can hold stays at the longest time")
    func saturates() {
        var times = TimeBuckets(unit: .microseconds(100))
        for _ in 0..<3 { times.record(.distantFuture) }
        #expect(times.sum == .distantFuture && times.count == 3)
        #expect(Nanoseconds(.min).addingSaturating(Nanoseconds(-1)) == Nanoseconds(.min))
    }

    @Test("counts never fall from bucket to bucket, and their sum is that of the times")
    func cumulative() {
        var times = TimeBuckets(unit: .microseconds(100))
        var generator = SplitMix64(seed: 3)
        var sum = Nanoseconds.zero
        for _ in 0..<1_000 {
            let time = Nanoseconds(Int64(generator.next() % 3_000_000_000))
            sum += time
            times.record(time)
        }
        let counts = times.cumulative
        #expect(zip(counts, counts.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(counts.last == 1_000 && times.count == 1_000 && times.sum == sum)
    }
}
