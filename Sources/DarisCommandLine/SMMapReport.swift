import CUDADriver
import DarisCore
import DarisReport
import DarisRuntime

/// The SM map of green contexts: what each is promised, and on which SMs a kernel finds its work.
struct SMMapReport {
    /// What is printed.
    let text: String
    /// Whether the kernel found what was promised.
    let isProven: Bool

    /// Cuts a GPU and runs the kernel in every context, one after another.
    ///
    /// - Throws: `CUDAError` without a GPU, or on one whose driver has no green contexts.
    init(gpu: Int, partition: Partition) throws(CUDAError) {
        let context = try CUDAContext(library: try CUDALibrary.open(), device: gpu)
        let green = try GreenPartition(partition, on: context)
        let windows = green.windows
        let map = try SMMap(context: context)
        var seen: [[Int]] = []
        for context in green.contexts {
            seen.append(try map.multiprocessors(of: try CUDAStream(greenContext: context)))
        }
        let proof = SMMapProof(promised: windows.groups.indices.map(windows.multiprocessors), found: seen)
        let mistakes = proof.problems.map { "not proven: " + $0 }
        var lines = [
            "\(context.device.name): \(windows.multiprocessorCount) SMs in \(windows.groupCount) groups of "
                + "\(windows.groupSize)"
                + (green.device.isGranularityTold ? "" : " (least size by rule, the driver does not tell it)")
        ]
        lines += windows.notes
        lines.append("")
        var table = TextTable([
            .number("context"), .text("groups"), .number("promised"), .number("seen"), .text("SMs seen"),
        ])
        for (index, window) in windows.groups.enumerated() {
            table.append([
                "\(index)", Self.ranges(window), "\(windows.multiprocessors(of: index).count)", "\(seen[index].count)",
                Self.ranges(seen[index]),
            ])
        }
        lines += table.lines(styling: Terminal.styling)
        lines.append("")
        lines +=
            mistakes.isEmpty ? ["proven: every context runs on the SMs promised, and shares what it should"] : mistakes
        text = lines.joined(separator: "\n")
        isProven = mistakes.isEmpty
    }

    /// Ascending numbers, with runs as `first-last`.
    static func ranges(_ numbers: [Int]) -> String {
        var runs: [ClosedRange<Int>] = []
        for number in numbers {
            if let last = runs.last, last.upperBound + 1 == number {
                runs[runs.count - 1] = last.lowerBound...number
            } else {
                runs.append(number...number)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ", ")
    }
}
