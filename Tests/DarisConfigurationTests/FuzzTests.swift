import Testing

@testable import DarisConfiguration

@Suite("Fuzzing")
struct FuzzTests {
    private static let seedText =
        exampleText + """

            scheduler: {policy: daris, window: 5, wcet: false, staging: true}
            serve:
              {http: "[::1]:80", grpc: off, tls: {certificate: a.pem, key: /b.key}, tokens: {inference: c, control: d},
               hosts: [Daris.example, "::1"], limits: {body: 2 MiB, memory: 94 MiB, waiting: 0, receive: 5 s}}
            """

    /// Tasks with arrivals of all kinds, one of which is the trace at `trace`.
    private static func arrivals(trace: String) -> String {
        ["{jitter: 5 ms}", "sporadic", "{sporadic: 10 ms}", "poisson", "{on: 200 ms, off: 80 ms}", "{trace: \(trace)}"]
            .enumerated().map { "  - {name: t\($0), model: segment, rate: 9 Hz, priority: low, arrival: \($1)}\n" }
            .joined()
    }

    @Test("2,000 mutations of a valid file are read or refused, and never crash")
    func mutations() throws {
        var generator = SeededGenerator(seed: 2504_08795)
        let folder = try TemporaryFolder()
        let arrivals = FuzzTests.arrivals(trace: try folder.write("0.5\n1 s", to: "times.txt"))
        let original = Array(FuzzTests.seedText.replacing("load:", with: arrivals + "load:").utf8)
        let pieces = [
            "&a ", "*a", "[", "]", "{", "}", "'", "\"", ": ", "- ", "#", "\t", "\n", "---\n", "|\n", "? ", "é",
        ]
        var read = 0
        var refused = 0
        for _ in 0..<2_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<7, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes[place] = UInt8.random(in: 32...126, using: &generator)
                case 2: bytes.remove(at: place)
                case 3, 4:
                    // A digit for a digit, which often leaves the file valid.
                    let digits = bytes.indices.filter { (48...57).contains(bytes[$0]) }
                    if let place = digits.randomElement(using: &generator) {
                        bytes[place] = UInt8.random(in: 48...57, using: &generator)
                    }
                case 5: bytes.insert(contentsOf: pieces.randomElement(using: &generator)!.utf8, at: place)
                default:
                    let end = min(bytes.count, place + Int.random(in: 1...40, using: &generator))
                    bytes.insert(contentsOf: bytes[place..<end], at: Int.random(in: 0..<bytes.count, using: &generator))
                }
            }
            do throws(ConfigurationError) {
                let set = try TaskSet.parse(bytes, file: "t.yaml")
                read += 1
                // Whatever was understood can be written down and understood again.
                let again = try? TaskSet.parse(set.rendered(), file: "t.yaml")
                #expect(again == set)
            } catch {
                refused += 1
                let namesFile = error.description.hasPrefix("t.yaml")
                #expect(namesFile, "\(error)")
                let isOneLine = !error.description.contains(where: \.isNewline)
                #expect(isOneLine, "\(error)")
            }
        }
        // Both must happen often, or the mutations test nothing.
        #expect(read > 100 && refused > 1_000, "\(read) read, \(refused) refused")
    }

    @Test("2,000 mutations of a trace are read or refused by line, and never crash")
    func traceMutations() {
        var generator = SeededGenerator(seed: 11)
        let original = Array("# a day\n0 s\n1.5 ms\r\n\n 0.25 # plain\n30 s\n0.5 min\n600\n".utf8)
        var read = 0
        var refused = 0
        for _ in 0..<2_000 {
            var bytes = original
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<4, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: bytes[place] = UInt8.random(in: 48...57, using: &generator)
                case 2: bytes.remove(at: place)
                default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 9)], at: place)
                }
            }
            do throws(ConfigurationError) {
                let times = try TraceFiles.times(in: bytes, file: "t.txt", limit: 20)
                read += 1
                #expect(times == times.sorted() && times.allSatisfy(Limits.traceTime.contains))
            } catch {
                refused += 1
                #expect(error.file == "t.txt" && error.line.map { (1...30).contains($0) } == true, "\(error)")
                let isOneLine = !error.description.contains(where: \.isNewline)
                #expect(isOneLine, "\(error)")
            }
        }
        #expect(read > 100 && refused > 100, "\(read) read, \(refused) refused")
    }
}
