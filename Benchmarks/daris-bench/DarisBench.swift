import ArgumentParser

/// Measurements of Daris itself.
@main
struct DarisBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "daris-bench", abstract: "Measures Daris itself.",
        subcommands: [
            Decisions.self, SimulationSpeed.self, Codec.self, Saturation.self, Isolated.self, IsolationOfHP.self,
        ])
}

/// A table with aligned columns: the first to the left, the rest to the right.
struct Table {
    var rows: [[String]]

    init(header: [String]) { rows = [header] }

    var text: String {
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 0 ? row[column] + padding : padding + row[column]
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

/// The median, the upper one of an even number of values.
func median<Value: Comparable>(_ values: [Value]) -> Value { values.sorted()[values.count / 2] }

extension BinaryInteger {
    /// The number with a comma every three digits.
    var grouped: String {
        var text = ""
        for (index, digit) in String(self).reversed().enumerated() {
            if index > 0 && index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }
}
