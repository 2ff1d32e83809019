import DarisCore
import Testing

@Suite("Arrivals")
struct ArrivalTests {
    private static let period = Nanoseconds.milliseconds(10)
    private static let seeds: ClosedRange<UInt64> = 1...20

    /// One of each kind, with numbers that bring out its edges.
    private static let processes: [ArrivalProcess] = [
        .periodic, .jittered(.zero), .jittered(Nanoseconds(1)), .jittered(.milliseconds(4)), .jittered(period),
        .sporadic(meanExtraGap: nil), .sporadic(meanExtraGap: .zero), .sporadic(meanExtraGap: .milliseconds(70)),
        .poisson, .bursts(on: .milliseconds(200), off: .milliseconds(800)),
        .bursts(on: .milliseconds(1), off: .milliseconds(1)), .bursts(on: Nanoseconds(1), off: Nanoseconds(1)),
        .trace([.milliseconds(1), .milliseconds(3), .seconds(Int64(2))]),
    ]

    private func times(
        _ process: ArrivalProcess, phase: Nanoseconds = .zero, seed: UInt64 = 1, count: Int
    ) -> [Nanoseconds] {
        Array(ArrivalSequence(process, period: Self.period, phase: phase, seed: seed).lazy.prefix(count))
    }

    private func gaps(_ times: [Nanoseconds]) -> [Nanoseconds] { zip(times.dropFirst(), times).map { $0 - $1 } }

    private func mean(_ times: [Nanoseconds]) -> Double {
        times.reduce(0) { $0 + $1.inSeconds } / Double(times.count)
    }

    // MARK: - All kinds

    @Test("releases of every kind come one after the other, none before the phase", arguments: processes)
    func ordered(process: ArrivalProcess) {
        for seed in Self.seeds {
            let times = times(process, phase: .milliseconds(7), seed: seed, count: 2_000)
            #expect(!times.isEmpty && times[0] >= .milliseconds(7))
            let areOrdered = gaps(times).allSatisfy { $0 > .zero }
            #expect(areOrdered, "seed \(seed)")
        }
    }

    @Test("the same seed gives the same times, another one others where anything is random", arguments: processes)
    func deterministic(process: ArrivalProcess) {
        for seed in Self.seeds {
            let first = times(process, seed: seed, count: 500)
            #expect(times(process, seed: seed, count: 500) == first)
            let isRandom =
                switch process {
                case .periodic, .trace, .jittered(.zero), .jittered(Nanoseconds(1)), .sporadic(.zero?): false
                default: true
                }
            if process != .sporadic(meanExtraGap: .zero) {
                #expect((times(process, seed: seed + 100, count: 500) != first) == isRandom)
            }
        }
    }

    @Test("the phase is added to every time and changes nothing else", arguments: processes)
    func phase(process: ArrivalProcess) {
        let shifted = times(process, phase: .seconds(Int64(3)), seed: 5, count: 500)
        #expect(shifted == times(process, seed: 5, count: 500).map { $0 + .seconds(Int64(3)) })
    }

    @Test("a time that no clock reaches ends the sequence", arguments: processes)
    func distantFuture(process: ArrivalProcess) {
        for period in [Nanoseconds(Int64.max), Nanoseconds(Int64.max / 3), .seconds(Int64(1))] {
            for phase in [Nanoseconds.zero, Nanoseconds(Int64.max - 1), .distantFuture] {
                var arrivals = ArrivalSequence(process, period: period, phase: phase, seed: 9)
                var last = Nanoseconds(-1)
                for _ in 0..<100 {
                    guard let time = arrivals.next() else { break }
                    #expect(time > last && time < .distantFuture)
                    last = time
                }
                if phase == .distantFuture { #expect(last == Nanoseconds(-1)) }
                if period > .seconds(Int64(1)), case .periodic = process { #expect(arrivals.next() == nil) }
            }
        }
    }

    @Test("spans and gaps as long as time itself end the sequence instead of overflowing")
    func endlessSpans() {
        let endless = Nanoseconds(Int64.max)
        let processes: [ArrivalProcess] = [
            .sporadic(meanExtraGap: endless), .bursts(on: endless, off: endless), .jittered(endless),
            .bursts(on: .milliseconds(1), off: endless), .trace([.zero, endless]),
        ]
        for process in processes {
            for seed in Self.seeds {
                let times = times(process, phase: .milliseconds(1), seed: seed, count: 200)
                let areOrdered = gaps(times).allSatisfy { $0 > .zero }
                #expect(areOrdered && times.allSatisfy { $0 >= .milliseconds(1) && $0 < .distantFuture })
            }
        }
        #expect(times(.trace([.zero, endless]), count: 10) == [.zero])
    }

    // MARK: - One kind each

    @Test("periodic releases come at phase + k · T exactly")
    func periodic() {
        let times = times(.periodic, phase: .microseconds(17), count: 1_000)
        #expect(times == (0..<1_000).map { .microseconds(17 + 10_000 * Int64($0)) })
    }

    @Test("each release with jitter is at most so late, and never early, and the delays fill their range evenly")
    func jitter() {
        let jitter = Nanoseconds.milliseconds(4)
        for seed in Self.seeds {
            let times = times(.jittered(jitter), phase: .milliseconds(3), seed: seed, count: 4_000)
            let delays = times.enumerated().map { $1 - .milliseconds(3 + 10 * Int64($0)) }
            let areWithin = delays.allSatisfy { $0 >= .zero && $0 < jitter }
            #expect(areWithin)
            // The mean of 4,000 has a standard deviation of 18 µs about 2 ms.
            #expect(abs(mean(delays) - 2e-3) < 0.1e-3)
            for quarter in 0..<4 {
                let low = Nanoseconds.milliseconds(Int64(quarter))
                let count = delays.count { $0 >= low && $0 < low + .milliseconds(1) }
                #expect((850...1_150).contains(count), "quarter \(quarter): \(count) of 4000")
            }
        }
    }

    @Test("a jitter longer than the period counts as the period")
    func longJitter() {
        #expect(times(.jittered(.seconds(Int64(1))), count: 100) == times(.jittered(Self.period), count: 100))
    }

    @Test(
        "sporadic gaps are never shorter than T and on average longer by the extra gap, a quarter of T if not given",
        arguments: [(nil, 2.5e-3), (Nanoseconds.zero, 0), (.milliseconds(70), 70e-3)] as [(Nanoseconds?, Double)])
    func sporadic(extra: Nanoseconds?, expected: Double) {
        for seed in Self.seeds {
            let times = times(.sporadic(meanExtraGap: extra), phase: .milliseconds(2), seed: seed, count: 10_001)
            #expect(times[0] == .milliseconds(2))
            let gaps = gaps(times)
            let areLongEnough = gaps.allSatisfy { $0 >= Self.period }
            #expect(areLongEnough)
            // The mean of 10,000 has a standard deviation of 1 %.
            #expect(abs(mean(gaps) - 10e-3 - expected) < 0.05 * expected + 2e-9)
        }
    }

    @Test("Poisson gaps have mean T, the first too, and forget the past")
    func poisson() {
        for seed in Self.seeds {
            let times = times(.poisson, seed: seed, count: 10_000)
            #expect(abs(times.last!.inSeconds / 10_000 - 10e-3) < 0.05 * 10e-3)
            let gaps = gaps(times)
            // Of exponential gaps a share of 1/e is longer than the mean, of those a share of 1/e longer than twice it.
            let longer = gaps.count { $0 > Self.period }
            let muchLonger = gaps.count { $0 > Self.period + Self.period }
            #expect((3_400...3_950).contains(longer) && (1_200...1_500).contains(muchLonger))
        }
        let firsts = (1...5_000).map { times(.poisson, seed: $0, count: 1)[0] }
        #expect(abs(mean(firsts) - 10e-3) < 0.1 * 10e-3)
    }

    @Test("a burst is a run of releases T apart; between bursts there is silence")
    func bursts() {
        let process = ArrivalProcess.bursts(on: .milliseconds(200), off: .milliseconds(800))
        for seed in Self.seeds {
            let horizon = Nanoseconds.seconds(Int64(2_000))
            let arrivals = ArrivalSequence(process, period: Self.period, phase: .zero, seed: seed)
            let times = Array(arrivals.lazy.prefix { $0 < horizon })
            // A gap other than T, to the nanosecond, begins a new burst.
            let silences = gaps(times).filter { $0 != Self.period }
            // 2,000 bursts are expected, 4 standard deviations are 200 or fewer; a burst has 1 / (1 - exp(-T/on)) releases.
            #expect((1_750...2_250).contains(silences.count), "seed \(seed): \(silences.count) bursts")
            let size = Double(times.count) / Double(silences.count + 1)
            #expect(abs(size - 20.5) < 2.5, "seed \(seed): \(size) releases a burst")
            // From its last release an on span goes on for T/2, nearly.
            #expect(abs(mean(silences) - 805e-3) < 80e-3)
            let share = Double(silences.count { $0 > .milliseconds(805) }) / Double(silences.count)
            #expect(abs(share - 0.368) < 0.06)
        }
    }

    @Test("a run begins on or off as often as an observer would find it so")
    func beginning() {
        let process = ArrivalProcess.bursts(on: .milliseconds(200), off: .milliseconds(800))
        let firsts = (1...5_000).map { times(process, seed: $0, count: 1)[0] }
        let on = firsts.count { $0 == .zero }
        #expect((870...1_130).contains(on), "\(on) of 5000")
        #expect(abs(mean(firsts.filter { $0 > .zero }) - 800e-3) < 80e-3)
    }

    @Test("a trace is followed exactly, equal times included, and ends after its last")
    func trace() {
        let trace: [Nanoseconds] = [
            .zero, .zero, Nanoseconds(1), .milliseconds(5), .milliseconds(5), .seconds(Int64(1)),
        ]
        var arrivals = ArrivalSequence(.trace(trace), period: Self.period, phase: .zero, seed: 1)
        for time in trace { #expect(arrivals.next() == time) }
        #expect(arrivals.next() == nil && arrivals.next() == nil)
        #expect(times(.trace([]), count: 1) == [])
    }
}
