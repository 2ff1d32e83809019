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
        let whole = try SMResource(of: context)
        let (groups, _) = try whole.split(intoGroupsOf: whole.leastPartition)
        guard let size = groups.first?.multiprocessorCount else {
            text = "\(whole.multiprocessorCount) SMs, which the driver does not part"
            isProven = false
            return
        }
        let windows = SMWindows(
            partition: partition, multiprocessorCount: whole.multiprocessorCount, groupSize: size,
            groupCount: groups.count)
        let map = try SMMap(context: context)
        var seen: [[Int]] = []
        for window in windows.groups {
            let green = try GreenContext(context: context, groups: window.map { groups[$0] })
            seen.append(try map.multiprocessors(of: try CUDAStream(greenContext: green)))
        }
        let proof = SMMapProof(promised: windows.groups.indices.map(windows.multiprocessors), found: seen)
        let mistakes = proof.problems.map { "not proven: " + $0 }
        var lines = [
            "\(context.device.name): \(whole.multiprocessorCount) SMs in \(groups.count) groups of \(size)"
                + (whole.isGranularityTold ? "" : " (least size by rule, the driver does not tell it)")
        ]
        lines += windows.notes
        lines.append("")
        var table = TextTable([
            .number("context"), .text("groups"), .number("promised"), .number("seen"), .text("SMs seen"),
        ])
        for (index, window) in windows.groups.enumerated() {
            table.append([
                "\(index)", Self.ranges(window), "\(window.count * size)", "\(seen[index].count)",
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
