import Foundation

// The engine counts whole milliseconds. `Date` and `TimeInterval` are floating point: they are rounded to
// the nearest millisecond, and held inside the engine's range instead of trapping.

extension Date {
    init(milliseconds: Int64) {
        self.init(timeIntervalSince1970: TimeInterval(milliseconds: milliseconds))
    }

    var milliseconds: Int64 { timeIntervalSince1970.milliseconds }
}

extension TimeInterval {
    init(milliseconds: Int64) {
        self = Double(milliseconds) / 1000
    }

    var milliseconds: Int64 {
        let rounded = (self * 1000).rounded()
        if rounded.isNaN { return 0 }
        return Int64(exactly: rounded) ?? (rounded < 0 ? .min : .max)
    }
}
