import Testing

@testable import DarisReport

@Suite("Axes of charts")
struct ValueAxisTests {
    @Test(
        "ticks are round numbers, with as many decimals as they need",
        arguments: [
            ([377, 1_133], ["200", "400", "600", "800", "1000", "1200"]), ([0, 20], ["0", "5", "10", "15", "20"]),
            ([0.02, 0.31], ["0", "0.1", "0.2", "0.3", "0.4"]), ([-3, 4], ["-4", "-2", "0", "2", "4"]),
            ([5, 5], ["4.4", "4.6", "4.8", "5.0", "5.2", "5.4", "5.6"]),
            ([0], ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
            ([0, 3e9], ["0", "1e9", "2e9", "3e9"]),
            ([2e-7, 9e-7], ["0", "0.2e-6", "0.4e-6", "0.6e-6", "0.8e-6", "1.0e-6"]),
            ([1, .nan, .infinity, 2], ["1.0", "1.2", "1.4", "1.6", "1.8", "2.0"]), ([], []), ([.nan], []),
        ] as [([Double], [String])])
    func labels(values: [Double], expected: [String]) {
        #expect(ValueAxis(covering: values, intervals: 5).ticks.map(\.label) == expected)
    }

    @Test(
        "any finite values have an axis that holds them, with a few ticks in order", arguments: 0..<300 as Range<UInt64>
    )
    func anything(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let size = ChartNumber.power(Int.random(in: -320...308, using: &generator))
        let offset = [0, 0, 1, 1e6, -1e9].randomElement(using: &generator)! * size
        let values = (0..<Int.random(in: 1...9, using: &generator)).map { _ in
            offset + Double.random(in: -1...1, using: &generator) * size
        }.filter(\.isFinite)
        guard !values.isEmpty else { return }
        for endsAtTicks in [true, false] {
            let intervals = Int.random(in: 1...10, using: &generator)
            let axis = ValueAxis(covering: values, endsAtTicks: endsAtTicks, intervals: intervals)
            #expect(axis.lower < axis.upper && axis.lower.isFinite && axis.upper.isFinite)
            #expect(axis.ticks.count <= intervals + 3)
            #expect(zip(axis.ticks, axis.ticks.dropFirst()).allSatisfy { $0.value < $1.value })
            #expect(Set(axis.ticks.map(\.label)).count == axis.ticks.count, "\(axis.ticks)")
            for value in values {
                #expect(axis.contains(value))
                #expect((99.9...200.1).contains(axis.position(value, from: 100, to: 200)))
            }
        }
    }

    @Test("the largest and the smallest numbers have axes")
    func extremes() {
        let huge = ValueAxis(covering: [-.greatestFiniteMagnitude, .greatestFiniteMagnitude], intervals: 4)
        #expect(huge.position(0, from: 0, to: 100).rounded() == 50)
        #expect(ValueAxis(covering: [.leastNonzeroMagnitude], intervals: 4).upper == 1)
    }

    @Test("an axis has the given ends, with ticks between")
    func fixedRange() throws {
        let axis = try #require(ValueAxis(0.7...10.2, intervals: 5))
        #expect((axis.lower, axis.upper) == (0.7, 10.2))
        #expect(axis.ticks.map(\.label) == ["2", "4", "6", "8", "10"])
        for range: ClosedRange<Double> in [1...1, 0...(.infinity), 0...0, 1...(1 + 1e-13)] {
            #expect(ValueAxis(range, intervals: 5) == nil)
        }
    }

    @Test("the distance of two ticks is 1, 2 or 5 times a power of ten", arguments: 1..<200)
    func steps(number: Int) {
        let ticks = ValueAxis(covering: [0, Double(number * number)], intervals: 6).ticks
        var step = ticks[1].value - ticks[0].value
        while step > 9 { step /= 10 }
        while step < 0.9 { step *= 10 }
        #expect([1.0, 2, 5].contains { ($0 - step).magnitude < 1e-9 })
    }

    @Test(
        "values say what they are in few digits, and never nothing for something",
        arguments: [
            (0, 2, "0"), (2.345, 1, "2.3"), (0.04, 1, "0.04"), (-0.004, 1, "-0.004"), (1_133.4, 0, "1133"),
            (1e-9, 2, "1e-9"), (2.5e8, 1, "2.50e8"), (-9.999e9, 0, "-1.00e10"), (0.096, 0, "0.10"),
        ] as [(Double, Int, String)])
    func values(value: Double, decimals: Int, text: String) {
        #expect(ChartNumber.short(value, decimals: decimals) == text)
    }
}
