package lambent.warmup;

import java.util.List;

/** An event or answer of the warm-up's function. */
public class Order {
    private String name;
    private int amount;
    public List<Object> list;

    public String getName() {
        return name;
    }

    public void setName(String name) {
        this.name = name;
    }

    public int getAmount() {
        return amount;
    }

    public void setAmount(int amount) {
        this.amount = amount;
    }
}
