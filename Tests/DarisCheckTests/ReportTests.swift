import DarisReport
import Testing

@testable import DarisCheck

@Suite("The report of a check")
struct ReportTests {
    @Test("a report without results has claims and steps and no empty tables")
    func nothing() {
        let text = CheckReport(emptyResults()).markdown
        #expect(text.contains("## Claims") && text.contains("## Steps"))
        for title in ["## Device", "## SM maps", "## Batching alone", "## Partitions", ".svg"] {
            #expect(!text.contains(title), "\(title)")
        }
        #expect(text.components(of: "| pending |") == CheckStep.allCases.count)
        #expect(CheckReport(emptyResults()).pictures.isEmpty)
    }

    @Test("a full report has every table, each row as wide as its header")
    func full() {
        let results = fullResults()
        let lines = CheckReport(results).markdown.split(separator: "\n", omittingEmptySubsequences: false)
        for title in [
            "# GPU check: Card | One", "## Device", "## SM maps", "## Outputs against the CPU's",
            "## Stage times beside busy neighbours", "## Batching alone", "## Partitions", "## The paper's task sets",
            "## Task sets in one stage", "## As before", "## Mean batch by stage", "## Without batching",
            "## Precision and layout", "## PyTorch, channels last, in CUDA graphs",
        ] { #expect(lines.contains { $0 == title }, "\(title)") }
        var width: Int?
        for line in lines {
            guard line.hasPrefix("|") else {
                width = nil
                continue
            }
            let columns = line.replacing("\\|", with: "").split(separator: "|", omittingEmptySubsequences: false).count
            #expect(columns == width ?? columns, "\(line)")
            width = columns
        }
        let run =
            "| mixed | green 6×1 OS 6 | batching (strict) | 1500.0 | 2 | 1200.0 | 1.200 | 2.400 | 0.0 | 1.0 | 70.0 | 3.00 "
            + "| 6.00 | 0.50 | 0.250 | 7.00 | 1.8 | 100 | 3 | 4 | 1980 | 402 |  |"
        #expect(lines.contains { $0 == run })
        #expect(lines.contains("| resnet18 | 16 | 2 | 1 | 1000.0 | – | – | – | batching (strict) |"))
        #expect(lines.contains("| resnet18 | 10 | 1 | 1 | 500.0 | – | – | – | batching (paper) |"))
        #expect(lines.contains("| mixed | green 6×1 OS 6 | unet | 1.5, 2.3 |"))
        #expect(lines.contains("| unet | half | yes | 64 | 4321.0 | best |"))
        #expect(lines.contains("| unet | TF32, channels last | 64 | 2 | 1234.0 | – |"))
        #expect(!lines.contains("## Questions"), "no card, no predictions")
        #expect(lines.contains("| green | green 2×1 OS 1 | 4, 4 | 0–3 / 4–7 | as promised |"))
        #expect(!lines.joined().contains("Rehearsal"))
    }

    @Test("a bar or a line break in a message does not break its table")
    func escaping() {
        var results = emptyResults()
        results[.maps].problems = ["a | b\nc", "d"]
        #expect(CheckReport(results).markdown.contains("| SM maps | pending | 0.0 | a \\| b c; d |"))
    }

    @Test("a rehearsal says so before anything else, in the report, on the terminal and in every plot")
    func rehearsal() {
        var results = fullResults()
        results.isRehearsal = true
        results.verdicts = results.judged()
        let report = CheckReport(results)
        #expect(report.markdown.split(separator: "\n")[1].contains("None is about a GPU"))
        #expect(report.text(styling: .plain).split(separator: "\n")[1].contains("Rehearsal on a CPU"))
        #expect(report.pictures.count == 3)
        for picture in report.pictures { #expect(picture.svg.contains("rehearsal on a CPU"), "\(picture.name)") }
    }

    @Test("the terminal shows the paper's columns, and each claim with its state and figure")
    func terminal() {
        let text = CheckReport(fullResults()).text(styling: .plain)
        for word in ["÷ baseline", "÷ paper's", "HP DMR %", "LP DMR %", "accept. %", "HP/LP", "dispatch µs", "batch"] {
            #expect(text.contains(word), "\(word)")
        }
        #expect(text.contains("÷ baseline: batching (strict), or batch 1, as "))
        #expect(text.split(separator: "\n").count { $0.hasPrefix("met: ") } == 6)
        #expect(text.split(separator: "\n").allSatisfy { $0.count <= 130 || $0.hasPrefix("met: ") })
    }

    @Test("small numbers in powers of ten")
    func scientific() {
        #expect(CheckReport.scientific(0) == "0" && CheckReport.scientific(1e-3) == "1.0e-3")
        #expect(CheckReport.scientific(2.54e-7) == "2.5e-7" && CheckReport.scientific(12) == "1.2e1")
    }
}

extension String {
    /// How often a text comes in this one.
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
