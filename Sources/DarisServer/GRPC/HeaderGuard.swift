import NIOHPACK

/// The headers of a call that the library below would end the process over, or would read as something else.
enum HeaderGuard {
    private static let name = "grpc-timeout"
    /// A longer time is as good as none.
    private static let longest = 86_400.0

    /// Headers that are safe to read.
    ///
    /// The value of `grpc-timeout` is up to eight digits and a unit. The library traps on a sign and ignores eight digits,
    /// so those become fewer of a larger unit.
    ///
    /// - Throws: `InferenceError` that names the header.
    static func checked(_ headers: HPACKHeaders) throws(InferenceError) -> HPACKHeaders {
        let values = headers[name]
        guard let value = values.first else { return headers }
        guard values.count == 1 else { throw InferenceError(.invalid, "'\(name)' is given \(values.count) times") }
        guard let (amount, unit) = parsed(value) else {
            throw InferenceError(.invalid, "'\(name)' is not one to eight digits and one of H, M, S, m, u, n")
        }
        var checked = headers
        if Double(amount) * unit > longest {
            checked.remove(name: name)
        } else if value.utf8.count == 9 {
            // A day is 86,400 s; eight digits of a second or more are longer.
            let larger = unit == 1e-3 ? "S" : unit == 1e-6 ? "m" : "u"
            checked.replaceOrAdd(name: name, value: "\(amount / 1_000)\(larger)")
        }
        return checked
    }

    /// A time-out in other words; `nil` if it is none.
    static func timeout(_ value: String) -> Duration? { parsed(value).map { .seconds(Double($0) * $1) } }

    private static func parsed(_ value: String) -> (amount: Int, unit: Double)? {
        let text = Array(value.utf8)
        guard (2...9).contains(text.count), let unit = text.last.flatMap({ units[$0] }),
            text.dropLast().allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
            let amount = Int(value.dropLast())
        else { return nil }
        return (amount, unit)
    }

    /// In seconds.
    private static let units: [UInt8: Double] = [
        UInt8(ascii: "H"): 3_600, UInt8(ascii: "M"): 60, UInt8(ascii: "S"): 1, UInt8(ascii: "m"): 1e-3,
        UInt8(ascii: "u"): 1e-6, UInt8(ascii: "n"): 1e-9,
    ]
}
