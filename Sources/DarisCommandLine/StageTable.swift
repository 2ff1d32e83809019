import DarisCore
import DarisReport
import DarisRuntime
import Foundation

/// The stages of a model as a table.
enum StageTable {
    static func text(_ model: StagedModel, afet: [Nanoseconds]?) -> String {
        var table = TextTable([
            .number("stage"), .number("nodes"), .number("alone, ms"), .number("full load, ms"),
            .number("carried out, KiB"),
            .text("tensors carried out"),
        ])
        func milliseconds(_ time: Nanoseconds) -> String { String(format: "%.2f", time.inMilliseconds) }
        for (index, stage) in model.stages.enumerated() {
            let carried = stage.outputs.filter { !model.outputs.contains($0) }
            table.append([
                "\(index)", "\(stage.nodes)", milliseconds(stage.measured), afet.map { milliseconds($0[index]) } ?? "-",
                "\(stage.bytesCarried / 1024)", carried.joined(separator: " "),
            ])
        }
        let alone = model.stages.reduce(Nanoseconds.zero) { $0 + $1.measured }
        table.append([
            "sum", "\(model.stages.reduce(0) { $0 + $1.nodes })", milliseconds(alone),
            afet.map { milliseconds($0.reduce(.zero, +)) } ?? "-", "", "",
        ])
        return table.text(styling: Terminal.styling)
    }
}
